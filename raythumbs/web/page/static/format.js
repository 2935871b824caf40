// Numbers, times and sizes as people read them.

const whole = new Intl.NumberFormat();
const tenths = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1, minimumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

export const count = (number) => whole.format(number);

/** A number of things: "1 photo", "20 photos". */
export const many = (number, thing, things = `${thing}s`) => `${count(number)} ${number === 1 ? thing : things}`;

/** A rate: one decimal below 100. */
export const rate = (perSecond) => (perSecond && perSecond < 100 ? tenths : whole).format(perSecond);

/** A length of time in its two largest units: "340 ms", "2.4 s", "3 min 20 s". */
export function duration(seconds) {
  if (seconds == null) return "–";
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${tenths.format(seconds)} s`;
  const first = UNITS.findIndex(([, length]) => Math.round(seconds) >= length);
  let left = Math.round(seconds);
  const parts = UNITS.slice(first, first + 2).map(([unit, length]) => {
    const units = Math.floor(left / length);
    left -= units * length;
    return units && `${units} ${unit}`;
  });
  return parts.filter(Boolean).join(" ");
}

/** A size of a file: "1.4 MB". */
export function size(bytes) {
  if (bytes == null) return "–";
  if (bytes < 1000) return `${bytes} B`;
  const power = Math.min(4, Math.floor(Math.log10(bytes) / 3));
  return `${tenths.format(bytes / 1000 ** power)} ${"kMGT"[power - 1]}B`;
}

/** A moment: the time of today, or the date too. */
export function moment(iso) {
  if (!iso) return "–";
  const then = new Date(iso);
  return (then.toDateString() === new Date().toDateString() ? clock : date).format(then);
}

const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text is an id of a photo or a job. */
export const isId = (text) => ID.test(text);

/** What people call a photo: its name, or the end of its address. */
export function nameOf(photo) {
  if (photo.fileName) return photo.fileName;
  const last = photo.source.split("/").pop();
  try {
    return decodeURIComponent(last) || photo.source;
  } catch {
    return last || photo.source;
  }
}

/** A code for people: "not_an_image" as "not an image". */
export const words = (code) => code.replaceAll("_", " ");
