// The stream of what the page shows. It comes back by itself, and says when the service is gone.

import { Store } from "./base.js";
import { get } from "./api.js";
import { Counts } from "./rates.js";

const TRY_AGAIN_MS = 3000;
const GONE_AFTER_MS = 6000; // a stream that ends and comes back takes two seconds
const KEPT_MS = 300_000;

/** `connection` is connecting, live, or gone. The other fields are null until they were told. */
export const live = new Store({
  connection: "connecting", since: null, status: null, failures: null, newest: null, backfills: null,
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
    live.patch({ connection: "live", since: null });
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
  goneTimer ||= setTimeout(() => live.patch({ connection: "gone", since: new Date().toISOString() }), GONE_AFTER_MS);
  if (source.readyState !== EventSource.CLOSED) return; // the browser comes back by itself
  close();
  get("api/queue").catch(() => {}); // an EventSource does not tell the status: this notices that a key is needed
  setTimeout(() => isWanted && !source && open(), TRY_AGAIN_MS);
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
