// The jobs in one state, the newest first: what waits, what runs, what was cancelled. Cancel one, or all that wait.

import { html, useEffect, useState } from "./base.js";
import { explained, get, post, withQuery } from "./api.js";
import { confirmed } from "./confirm.js";
import { many, moment, nameOf } from "./format.js";
import { may } from "./session.js";
import { Action, Card, Empty } from "./widgets.js";

const A_PAGE = 50;
const TITLES = { queued: "Waiting", running: "At work", succeeded: "Done", failed: "Failed", cancelled: "Cancelled" };
const UNFINISHED = new Set(["queued", "running"]);

export function JobsView({ rest: [asked] }) {
  const state = asked in TITLES ? asked : "queued";
  return html`<div class="title-row"><h1 tabindex="-1">Jobs</h1></div>
    <nav aria-label="States"><ul class="states">${Object.entries(TITLES).map(([name, title]) => html`<li key=${name}>
      <a class="button" href=${`#/jobs/${name}`} aria-current=${name === state ? "page" : null}>${title}</a></li>`)}</ul></nav>
    <${Jobs} key=${state} state=${state} />`;
}

function Jobs({ state }) {
  const [page, setPage] = useState(null);
  const load = async (cursor) => {
    try {
      const told = await get(withQuery("api/jobs", { state, limit: A_PAGE, cursor }));
      setPage((before) => ({ jobs: [...(cursor ? before.jobs : []), ...told.jobs], next: told.nextCursor }));
    } catch (error) {
      setPage({ jobs: [], error: explained(error) });
    }
  };
  useEffect(() => void load(null), []);
  if (!page) return html`<p class="quiet" role="status">Loading…</p>`;
  const all = UNFINISHED.has(state) && may("admin") && page.jobs.length > 0;
  return html`<${Card} id="jobs" title=${TITLES[state]} actions=${html`
      <button type="button" class="button" onClick=${() => load(null)}>Look again</button>
      ${all && html`<${Action} kind="danger" onDo=${() => cancelAll(state).finally(() => load(null))}>Cancel all<//>`}`}>
    ${page.error && html`<p class="field-error" role="alert">${page.error}</p>`}
    ${page.jobs.length ? html`<ul>${page.jobs.map((job) => html`<${Job} key=${job.jobId} job=${job} onMoved=${() => load(null)} />`)}</ul>`
      : !page.error && html`<${Empty} title="No jobs">No job is in this state.<//>`}
    ${page.next && html`<button type="button" class="button" onClick=${() => load(page.next)}>Show more</button>`}
  <//>`;
}

function Job({ job, onMoved }) {
  const name = nameOf(job);
  const cancel = async () => {
    await post(`api/jobs/${job.jobId}/cancel`);
    await onMoved();
    return `${name} is cancelled.`;
  };
  const waits = job.code && UNFINISHED.has(job.state) ? `${job.reason}; tried again at ${moment(job.dueAt)}` : job.reason;
  return html`<li class="job">
    <div class="job-what"><a href=${`#/photos/${job.photoId}`}>${name}</a>
      <span class="quiet clamp">${[job.priority, job.folderId, waits].filter(Boolean).join(" · ")}</span></div>
    <span class="quiet nowrap">${moment(job.finishedAt ?? job.createdAt)}</span>
    ${UNFINISHED.has(job.state) && may("admin")
      && html`<${Action} kind="plain" label=${`Cancel ${name}`} onDo=${cancel}>Cancel<//>`}
  </li>`;
}

/** Cancel all jobs in a state, request by request, if the person is sure. */
async function cancelAll(state) {
  const sure = await confirmed({
    title: "Cancel all of these jobs?", verb: "Cancel all",
    text: "Their photos get no thumbnails, unless they are submitted or uploaded again.",
  });
  if (!sure) return null;
  let changed = 0;
  let until;
  for (;;) {
    const told = await post("api/jobs/cancel", { state, until });
    changed += told.changed;
    until = told.until;
    if (!told.more) return `${many(changed, "job")} cancelled.`;
  }
}
