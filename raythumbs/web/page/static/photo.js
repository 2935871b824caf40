// One photo: its thumbnails, its newest job, the attempts one by one, what went wrong, "try again" and "cancel".

import { html, useEffect, useState } from "./base.js";
import { AttemptList } from "./attempts.js";
import { explained, get, post, withQuery } from "./api.js";
import { duration, many, moment, nameOf, size, words } from "./format.js";
import { bestOf, Picture, reachable } from "./gallery.js";
import { may } from "./session.js";
import { Action, Card, Facts, State } from "./widgets.js";

const LOOK_AGAIN_MS = 1500;
const LARGE_PIXELS = 800;
const UNFINISHED = new Set(["queued", "running"]);

/** The photo with its newest job and the attempts of that. The job is found by the source; null if it was pruned. */
async function load(photoId) {
  const photo = await get(`api/photos/${encodeURIComponent(photoId)}`);
  const { photos } = await get(withQuery("api/photos", { source: photo.source })).catch(() => ({ photos: [] }));
  const found = photos.find((one) => one.photoId === photoId);
  const told = found?.job && await get(`api/jobs/${found.job.jobId}`).catch(() => null);
  // The photo and its job are of one moment.
  return { photo: found ?? photo, job: found?.job ?? null, attempts: told?.attempts ?? [], state: found?.state ?? null };
}

/** Load the photo, and again while its job is not finished. */
function usePhoto(photoId) {
  const [seen, setSeen] = useState({ photoId: null });
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    let timer = 0;
    let isOver = false;
    const look = async () => {
      const found = await load(photoId).catch((error) => ({ error: explained(error) }));
      if (isOver) return;
      setSeen({ photoId, ...found });
      if (UNFINISHED.has(found.state)) timer = setTimeout(look, LOOK_AGAIN_MS);
    };
    look();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [photoId, asked]);
  return [seen.photoId === photoId ? seen : {}, () => setAsked((times) => times + 1)];
}

export function PhotoView({ rest: [photoId] }) {
  const [{ photo, job, attempts, state, error }, again] = usePhoto(photoId);
  // The heading is the same element while the photo is loaded, so that it keeps the focus.
  return html`
    <div class="title-row"><h1 tabindex="-1" class="photo-name">${photo ? nameOf(photo) : "Photo"}</h1>
      ${state && html`<${State} state=${state} />`}
      ${photo && html`<div class="actions"><${Moves} job=${job} again=${again} name=${nameOf(photo)} /></div>`}</div>
    ${error && html`<p class="banner bad" role="alert">${error}</p>`}
    ${photo ? html`<${Loaded} photo=${photo} job=${job} attempts=${attempts} />` : !error && html`<p class="quiet" role="status">Loading…</p>`}`;
}

function Loaded({ photo, job, attempts }) {
  return html`
    ${photo.deletedAt && html`<p class="banner warn">The photo was deleted at its source (${moment(photo.deletedAt)}).</p>`}
    ${job?.code && html`<${Trouble} job=${job} />`}
    <div class=${photo.renditions.length ? "photo-view" : ""}>
      ${photo.renditions.length > 0 && html`<${Large} photo=${photo} />`}
      <div class="stack">
        <${Card} id="about" title="Photo"><${About} photo=${photo} /><//>
        ${job && html`<${Card} id="job" title="Newest job"><${JobFacts} job=${job} /><//>`}
      </div>
    </div>
    <${AttemptList} attempts=${attempts} />
    <${Renditions} renditions=${photo.renditions} />`;
}

/** The largest thumbnail, in the shape of the photo. Another one of a new version is another picture. */
function Large({ photo }) {
  const rendition = bestOf(photo.renditions, LARGE_PIXELS);
  return html`<div class="photo-picture" style=${{ aspectRatio: `${rendition.width} / ${rendition.height}` }}>
    <${Picture} key=${rendition.url.split("?")[0]} photo=${photo} rendition=${rendition} alt=${nameOf(photo)} /></div>`;
}

function Moves({ job, again, name }) {
  if (!job || !may("admin")) return null;
  const move = (verb, told) => async () => {
    await post(`api/jobs/${job.jobId}/${verb}`);
    again();
    return told;
  };
  if (job.state === "failed") {
    return html`<${Action} kind="primary" onDo=${move("retry", `${name} will be tried again.`)}>Try again<//>`;
  }
  if (UNFINISHED.has(job.state)) return html`<${Action} onDo=${move("cancel", `${name} is cancelled.`)}>Cancel<//>`;
  return null;
}

/** Why the job failed, or has to be tried again. */
function Trouble({ job }) {
  const isOver = job.state === "failed";
  return html`<div class=${`banner ${isOver ? "bad" : "warn"}`}>
    <p><strong class="sentence">${words(job.code)}</strong>: ${job.reason}</p>
    <p class="small">${isOver ? "" : `Tried again at ${moment(job.dueAt)}. `}
      <a href="manual/errors#codes-of-jobs">What the codes mean</a></p>
  </div>`;
}

const About = ({ photo }) => html`<${Facts} rows=${[
  ["Source", html`<code>${photo.source}</code>`],
  ["Folder", photo.folderId && html`<a href=${`#/search/${encodeURIComponent(photo.folderId)}`}>${photo.folderId}</a>`],
  ["Picture", photo.width && `${photo.width} × ${photo.height} pixels, ${photo.format}`],
  ["File", photo.sizeBytes != null && size(photo.sizeBytes)],
  ["First heard of", moment(photo.createdAt)],
  ["Notes", photo.notes.length ? photo.notes.map(words).join(", ") : null],
  ["Photo id", html`<code>${photo.photoId}</code>`],
]} />`;

/** How often a job was tried and how that ended, and when. */
function JobFacts({ job }) {
  const ends = [[job.errors, "error"], [job.timeouts, "timeout"], [job.crashes, "crash", "crashes"]]
    .filter(([times]) => times).map((end) => many(...end));
  const seconds = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;
  return html`<${Facts} rows=${[
    ["Attempts", `${job.attempt}${ends.length ? ` (${ends.join(", ")})` : ""}`],
    ["Priority", job.priority],
    ["Accepted", moment(job.createdAt)],
    ["Next try", job.state === "queued" ? moment(job.dueAt) : null],
    ["Last try began", job.startedAt && moment(job.startedAt)],
    ["Ended", job.finishedAt && `${moment(job.finishedAt)}, ${duration(seconds(job.createdAt, job.finishedAt))} after it was accepted`],
    ["Job id", html`<code>${job.jobId}</code>`],
  ]} />`;
}

function Renditions({ renditions }) {
  if (!renditions.length) return null;
  return html`<${Card} id="renditions" title="Thumbnails"><div class="scroll" tabindex="0" role="region" aria-labelledby="renditions-title"><table>
    <thead><tr><th scope="col">Name</th><th scope="col">Pixels</th><th scope="col">Format</th><th scope="col">File</th>
      <th scope="col"><span class="hidden">Link</span></th></tr></thead>
    <tbody>${renditions.map((one) => html`<tr key=${one.name}>
      <th scope="row">${one.name}</th><td>${one.width} × ${one.height}</td><td>${one.format}</td><td>${size(one.sizeBytes)}</td>
      <td><a href=${reachable(one.url)} target="_blank" rel="noopener" aria-label=${`Open ${one.name}`}>Open</a></td></tr>`)}</tbody>
  </table></div><//>`;
}
