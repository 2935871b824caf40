// sharp as a peer of the imaging benchmark: jobs on standard input, answers on standard output (see thumbnailers.py).
import { writeSync } from "node:fs";
import process from "node:process";
import sharp from "sharp";

sharp.concurrency(1);
sharp.cache(false);
const mozjpeg = process.argv[2] === "mozjpeg";

let held = Buffer.alloc(0);
const input = process.stdin[Symbol.asyncIterator]();

async function take(isEnough) {
  const pieces = [held];
  let size = held.length;
  for (;;) {
    const end = isEnough(pieces, size);
    if (end >= 0) {
      const all = Buffer.concat(pieces);
      held = all.subarray(end);
      return all.subarray(0, end);
    }
    const { value, done } = await input.next();
    if (done) process.exit(0);
    pieces.push(value);
    size += value.length;
  }
}

const line = () => take((pieces) => {
  if (pieces.length > 1) pieces.splice(0, pieces.length, Buffer.concat(pieces));
  return pieces[0].indexOf(10) + 1 || -1;
});
const bytes = (count) => take((_, size) => (size >= count ? count : -1));

function answer(told, data) {
  for (let rest of [Buffer.from(JSON.stringify(told) + "\n"), data ?? Buffer.alloc(0)]) {
    while (rest.length) {
      try {
        rest = rest.subarray(writeSync(1, rest));
      } catch (error) {
        if (error.code !== "EAGAIN") throw error;
      }
    }
  }
}

answer({ version: `${sharp.versions.sharp} (libvips ${sharp.versions.vips})` });
for (;;) {
  const job = JSON.parse((await line()).toString());
  const photo = await bytes(job.bytes);
  const began = process.cpuUsage();
  try {
    const resized = sharp(photo).rotate().resize(job.pixels, job.pixels, { fit: "inside", withoutEnlargement: true });
    const made = await (job.format === "jpeg" ? resized.jpeg({ quality: job.quality, mozjpeg }) : resized.png()).toBuffer();
    const took = process.cpuUsage(began);
    answer({ bytes: made.length, cpu_ms: (took.user + took.system) / 1000 }, made);
  } catch (error) {
    answer({ error: error.message });
  }
}
