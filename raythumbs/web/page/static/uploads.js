// Uploads by drag and drop or by the file chooser: many at once, with progress, until their thumbnails are there.

import { html, Store, useEffect, useRef, useState, useStore } from "./base.js";
import { get, read, Refused, explained, withQuery } from "./api.js";
import { announce } from "./announce.js";
import { count, many, size } from "./format.js";
import { live } from "./live.js";
import { may, session } from "./session.js";
import { State } from "./widgets.js";

const AT_ONCE = 3;
const TRIES = 5;
const WAIT_MS = 3000;
const LOOK_MS = 1000;
const MOST_ROWS = 40;
const MOST_JOBS = 200;
const DONE = new Set(["succeeded", "sent"]); // "sent": the key may not see what comes of it
const OVER = new Set([...DONE, "failed", "cancelled", "refused"]);

/** `{ id, file, sent, state, reason, jobId, photoId }` of each upload; `sent` is a fraction. */
const uploads = new Store([]);
let lastId = 0;
let sending = 0;
let isFollowing = false;

/** Upload files. One file is urgent, because a person waits for it; many are not. */
function upload(files) {
  const priority = files.length === 1 ? "HIGH" : "NORMAL";
  const added = [...files].map((file) => ({ id: (lastId += 1), file, priority, sent: 0, state: "waiting" }));
  uploads.set([...uploads.value, ...added]);
  sendNext();
}

function change(id, fields) {
  uploads.set(uploads.value.map((one) => (one.id === id ? { ...one, ...fields } : one)));
}

function sendNext() {
  while (sending < AT_ONCE) {
    const next = uploads.value.find(({ state }) => state === "waiting");
    if (!next) return;
    sending += 1;
    change(next.id, { state: "sending" });
    sendOne(next).finally(() => {
      sending -= 1;
      sendNext();
    });
  }
}

async function sendOne({ id, file, priority }) {
  try {
    const { uploads: [told] } = await sendPatiently(id, file, priority);
    change(id, { state: may("read") ? told.state : "sent", sent: 1, jobId: told.jobId, photoId: told.photoId });
    follow();
  } catch (error) {
    change(id, { state: "refused", reason: explained(error) });
  }
}

/** Send a file, again if the service is busy or away. */
async function sendPatiently(id, file, priority) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await send(file, priority, (sent) => change(id, { sent }));
    } catch (error) {
      const mayPass = error instanceof Refused && [0, 429, 503].includes(error.status);
      if (!mayPass || tried === TRIES) throw error;
      change(id, { sent: 0 });
      await new Promise((resolve) => setTimeout(resolve, tried * WAIT_MS));
    }
  }
}

/** Send a file. `fetch` does not tell how much of a body was sent; an XMLHttpRequest does. */
function send(file, priority, onProgress) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    form.append("file", file, file.name);
    const request = new XMLHttpRequest();
    request.open("POST", withQuery("api/uploads/direct", { priority }));
    request.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 0);
    request.onerror = () => reject(new Refused(0, "unreachable", "the service does not answer"));
    request.onload = () => {
      try {
        resolve(read(request.status, request.responseText));
      } catch (error) {
        reject(error);
      }
    };
    request.send(form);
  });
}

/** Look once a second what became of the photos, until all are done. */
async function follow() {
  if (isFollowing || !may("read")) return;
  isFollowing = true;
  while (uploads.value.some(({ jobId, state }) => jobId && !OVER.has(state))) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    await look().catch(() => {}); // the service is away: the page says so, and the next look may succeed
  }
  isFollowing = false;
  const failed = uploads.value.filter(({ state }) => state === "failed" || state === "refused").length;
  if (uploads.value.every(({ state }) => OVER.has(state))) {
    announce(failed ? `${many(failed, "upload")} failed.` : "All uploads have their thumbnails.", failed ? "bad" : "good");
  }
}

async function look() {
  const { jobs } = await get(withQuery("api/jobs", { limit: MOST_JOBS }));
  const known = new Map(jobs.map((job) => [job.jobId, job]));
  const open = uploads.value.filter(({ jobId, state }) => jobId && !OVER.has(state));
  const older = open.filter(({ jobId }) => !known.has(jobId)).slice(0, AT_ONCE);
  for (const job of await Promise.all(older.map(({ jobId }) => get(`api/jobs/${jobId}`)))) known.set(job.jobId, job);
  uploads.set(uploads.value.map((one) => {
    const job = known.get(one.jobId);
    return job && !OVER.has(one.state) ? { ...one, state: job.state, reason: job.reason } : one;
  }));
}

/** Whoever tried a failed one again has its thumbnail among the newest. */
live.subscribe(() => {
  const seen = new Set(live.value.newest?.photos.map(({ photoId }) => photoId));
  if (!uploads.value.some(({ photoId, state }) => state !== "succeeded" && seen.has(photoId))) return;
  uploads.set(uploads.value.map((one) => (seen.has(one.photoId) ? { ...one, state: "succeeded", reason: null } : one)));
});

/** The button that opens the file chooser. */
export function UploadButton() {
  const input = useRef(null);
  if (!may("upload")) return null;
  const chosen = () => {
    upload(input.current.files);
    input.current.value = "";
  };
  return html`<button type="button" class="button primary" onClick=${() => input.current.click()}>Upload photos</button>
    <input ref=${input} id="files" type="file" multiple accept=${session.value.photoFiles} hidden onChange=${chosen} aria-label="Photos to upload" />`;
}

/** What covers the page while files are dragged over it. */
export function DropZone() {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    if (!may("upload")) return undefined;
    let depth = 0; // enter and leave come for each element on the way
    const has = (event) => event.dataTransfer?.types.includes("Files");
    const on = {
      dragenter: (event) => has(event) && setOver((depth += 1) > 0),
      dragleave: (event) => has(event) && setOver((depth -= 1) > 0),
      dragover: (event) => has(event) && event.preventDefault(),
      drop: (event) => {
        if (!has(event)) return;
        event.preventDefault();
        depth = 0;
        setOver(false);
        if (event.dataTransfer.files.length) upload(event.dataTransfer.files);
      },
    };
    Object.entries(on).forEach(([name, listener]) => addEventListener(name, listener));
    return () => Object.entries(on).forEach(([name, listener]) => removeEventListener(name, listener));
  }, []);
  return isOver && html`<div class="drop"><p>Drop photos to upload them</p></div>`;
}

/** The uploads of this page, above every view, so that they cover nothing: those that need a look first. */
export function Tray() {
  const all = useStore(uploads);
  const [wanted, setWanted] = useState(null);
  if (!all.length) return null;
  const done = all.filter(({ state }) => DONE.has(state)).length;
  const failed = all.filter(({ state }) => state === "failed" || state === "refused").length;
  const isOver = all.every(({ state }) => OVER.has(state));
  const isOpen = wanted ?? !isOver; // it folds itself up at the end, unless a person wants it otherwise
  const rows = [...all].sort((one, other) => rank(one) - rank(other)).slice(0, MOST_ROWS);
  return html`<div class="above"><section class="tray card" aria-labelledby="tray-title">
    <div class="card-head"><h2 id="tray-title">Uploads</h2>
      <p class="quiet">${count(done)} of ${count(all.length)}${failed ? `, ${count(failed)} failed` : " done"}</p>
      <div class="actions">
        <button type="button" class="button plain" aria-expanded=${String(isOpen)} aria-controls="tray-list"
          onClick=${() => setWanted(!isOpen)}>${isOpen ? "Hide" : "Show"}</button>
        ${isOver && html`<button type="button" class="button plain" onClick=${() => uploads.set([])}>Clear</button>`}
      </div></div>
    <progress max=${all.length} value=${done + failed} aria-label="Uploads that are done"></progress>
    <ul id="tray-list" hidden=${!isOpen} tabindex="0" aria-labelledby="tray-title">${rows.map((one) => html`<${Row} key=${one.id} one=${one} />`)}
      ${all.length > rows.length && html`<li class="quiet">and ${count(all.length - rows.length)} more</li>`}</ul>
  </section></div>`;
}

/** Those in trouble first, then those that move, then the rest. */
const rank = ({ state }) => ["refused", "failed", "sending", "running", "queued", "waiting"].indexOf(state) + 1 || 9;

function Row({ one }) {
  const { file, state, sent, reason, photoId } = one;
  return html`<li class="row">
    <span class="row-name">${photoId ? html`<a href=${`#/photos/${photoId}`}>${file.name}</a>` : file.name}</span>
    <span class="quiet nowrap">${size(file.size)}</span>
    ${state === "sending" ? html`<progress max="1" value=${sent} aria-label=${`Sending ${file.name}`}></progress>`
      : html`<${State} state=${state} />`}
    ${reason && OVER.has(state) && html`<span class="quiet clamp row-reason">${reason}</span>`}
  </li>`;
}
