// The stream of what the page shows. It comes back by itself, and says when the service is gone.

import { Store } from "./base.js";
import { explained, get } from "./api.js";
import { Counts } from "./rates.js";

const TRY_AGAIN_MS = 3000;
const GONE_AFTER_MS = 6000; // a stream that ends and comes back takes two seconds
const TOO_MANY = "The service answers, but sends no figures: perhaps too many of these pages are open.";
const KEPT_MS = 300_000;

/** `connection` is connecting, live, or gone: then `why` says what is known, and `since` when it began. The other fields
 * are null until they were told. */
export const live = new Store({
  connection: "connecting", since: null, why: null, status: null, failures: null, newest: null, backfills: null,
});

/** Photos per second of the last minutes: `{ at, rate }`, where `rate` is null while the service was gone. */
export const rates = new Store([]);

let source = null;
let isWanted = false;
let goneTimer = 0;
const counts = new Counts();

/** Open the stream, in place of one that is open, and keep it open. */
export function connect() {
  disconnect();
  isWanted = true;
  open();
}

/** Close the stream: nobody looks, or nobody is signed in. */
export function disconnect() {
  isWanted = false;
  close();
}

function open() {
  source = new EventSource("api/page/events");
  source.onopen = () => {
    clearTimeout(goneTimer);
    goneTimer = 0;
    live.patch({ connection: "live", since: null, why: null });
  };
  source.onerror = failed;
  for (const section of ["status", "failures", "newest", "backfills"]) {
    source.addEventListener(section, (event) => told(section, JSON.parse(event.data)));
  }
}

function close() {
  source?.close();
  source = null;
}

function failed() {
  const since = new Date().toISOString();
  goneTimer ||= setTimeout(() => tellWhy(since), GONE_AFTER_MS);
  if (source.readyState !== EventSource.CLOSED) return; // the browser comes back by itself
  close();
  get("api/queue").catch(() => {}); // an EventSource does not tell the status: this notices that a key is needed
  setTimeout(() => isWanted && !source && open(), TRY_AGAIN_MS);
}

async function tellWhy(since) {
  const why = await get("api/queue").then(() => TOO_MANY, explained);
  if (goneTimer) live.patch({ connection: "gone", since, why }); // else it has come back meanwhile
}

function told(section, value) {
  if (section === "status") counts.add({ at: Date.now(), done: value.states.succeeded, overall: value.photosPerSecond });
  live.patch({ [section]: value, connection: "live" });
}

function tick() {
  const { connection, status } = live.value;
  if (!status || document.hidden) return;
  const now = Date.now();
  const point = { at: now, rate: connection === "gone" ? null : counts.rate(now) };
  rates.set([...rates.value.filter(({ at }) => at > now - KEPT_MS), point]);
}

setInterval(tick, 1000);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) disconnect();
  else if (live.value.status) connect();
});
