// Failed photos, grouped by code: what happened, and "try these again".

import { html, useEffect, useState } from "./base.js";
import { ask, explained, get, post, withQuery } from "./api.js";
import { announce } from "./announce.js";
import { count, many, moment, nameOf, words } from "./format.js";
import { may } from "./session.js";
import { Action, Card, Chip, Empty } from "./widgets.js";

const A_PAGE = 50;

/** Try failed jobs again, request by request, until none is left. Return how many. */
async function retryAll(selection) {
  let changed = 0;
  let until;
  for (;;) {
    const told = await post("api/jobs/retry", { ...selection, until });
    changed += told.changed;
    until = told.until;
    if (!told.more) return changed;
  }
}

async function retryAndTell(selection) {
  const changed = await retryAll(selection);
  return changed ? `${many(changed, "photo")} will be tried again.` : "Nothing was left to try again.";
}

/** The groups, the most frequent first. `short` shows only the first few. */
export function Failures({ failures, short }) {
  const groups = [...failures.failures].sort((one, other) => other.count - one.count);
  const total = groups.reduce((sum, group) => sum + group.count, 0);
  const shown = short ? groups.slice(0, 4) : groups;
  const all = total > 0 && !short && may("admin") &&
    html`<${Action} onDo=${() => retryAndTell({ state: "failed" })}>Try all again<//>`;
  return html`<${Card} id="failures" title=${short ? "Failures" : "By code"} actions=${all}
      note=${total ? many(total, "photo") + (failures.more ? " or more" : "") : null}>
    ${shown.length
      ? html`<ul class="groups">${shown.map((group) => html`<${Group} key=${group.code} group=${group} short=${short} />`)}</ul>`
      : html`<${Empty} title="No failures">Photos that cannot be rendered appear here, with the reason.<//>`}
    <${Retries} retries=${failures.retries} />
    ${!short && total > 0 && html`<p class="quiet"><a href="manual/errors#codes-of-jobs">What the codes mean</a></p>`}
    ${groups.length > shown.length && html`<p><a href="#/failures">All ${groups.length} codes</a></p>`}
  <//>`;
}

/** Why photos wait for another try, which comes by itself. */
function Retries({ retries }) {
  if (!retries.length) return null;
  return html`<h3 class="groups-title">Waiting for another try</h3>
    <ul class="groups">${retries.map((group) => html`<li class="group" key=${group.code}><div class="group-head">
      <span class="group-count">${count(group.count)}</span>
      <div class="group-what"><p class="group-code"><strong>${words(group.code)}</strong></p>
        <p class="quiet clamp">${group.reason}</p></div>
    </div></li>`)}</ul>`;
}

function Group({ group, short }) {
  const [isOpen, setOpen] = useState(false);
  const id = `jobs-${group.code}`;
  return html`<li class="group">
    <div class="group-head">
      <span class="group-count">${count(group.count)}</span>
      <div class="group-what">
        <p class="group-code"><strong>${words(group.code)}</strong>
          ${!group.retryable && html` <${Chip} kind="quiet-chip">will fail again<//>`}</p>
        <p class="quiet clamp">${group.reason} <span class="nowrap">(${moment(group.newestAt)})</span></p>
      </div>
      <div class="actions">
        ${!short && html`<button type="button" class="button plain" aria-expanded=${String(isOpen)} aria-controls=${id}
          onClick=${() => setOpen(!isOpen)}>${isOpen ? "Hide" : "Show"} photos</button>`}
        ${may("admin") && html`<${Action} kind=${group.retryable ? "" : "plain"} label=${`Try these again: ${words(group.code)}`}
          onDo=${() => retryAndTell({ code: group.code })}>Try these again<//>`}
      </div>
    </div>
    <div id=${id}>${isOpen && html`<${Jobs} code=${group.code} count=${group.count} newestAt=${group.newestAt} />`}</div>
  </li>`;
}

/** The jobs of one code. They are loaded anew when their number changes, or one has failed again. */
function Jobs({ code, count: total, newestAt }) {
  const [page, setPage] = useState(null);
  const [chosen, setChosen] = useState(new Set());
  const load = async (cursor) => {
    try {
      const told = await get(withQuery("api/jobs", { state: "failed", code, limit: A_PAGE, cursor }));
      setPage((before) => ({ jobs: [...(cursor ? before.jobs : []), ...told.jobs], next: told.nextCursor }));
    } catch (error) {
      announce(explained(error), "bad");
    }
  };
  useEffect(() => void load(null), [code, total, newestAt]);
  if (!page) return html`<p class="quiet">Loading…</p>`;
  const retry = async () => {
    const told = await retryAndTell({ ids: [...chosen] });
    setChosen(new Set());
    return told;
  };
  const toggle = (id) => setChosen((before) => new Set(before.has(id) ? [...before].filter((one) => one !== id) : [...before, id]));
  return html`<div class="jobs">
    <ul>${page.jobs.map((job) => html`<${FailedJob} key=${job.jobId} job=${job}
      isChosen=${chosen.has(job.jobId)} onToggle=${() => toggle(job.jobId)} />`)}</ul>
    <div class="actions">
      ${page.next && html`<button type="button" class="button plain" onClick=${() => load(page.next)}>Show more</button>`}
      ${may("admin") && (chosen.size ? html`<${Action} onDo=${retry}>Try ${many(chosen.size, "chosen photo")} again<//>`
        : html`<p class="quiet">Choose photos to try only these again.</p>`)}
    </div>
  </div>`;
}

function FailedJob({ job, isChosen, onToggle }) {
  const name = nameOf(job);
  return html`<li class="job">
    ${may("admin") && html`<input type="checkbox" checked=${isChosen} onChange=${onToggle} aria-label=${`Choose ${name}`} />`}
    <div class="job-what"><a href=${`#/photos/${job.photoId}`}>${name}</a>
      <span class="quiet clamp">${job.reason}</span></div>
    <span class="quiet nowrap">${moment(job.finishedAt)}</span>
    ${may("admin") && html`<${Action} kind="plain" label=${`Try again: ${name}`} onDo=${() => retryOne(job, name)}>Try again<//>`}
  </li>`;
}

async function retryOne(job, name) {
  await ask(`api/jobs/${job.jobId}/retry`, { method: "POST" });
  return `${name} will be tried again.`;
}
