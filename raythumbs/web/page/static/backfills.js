// Backfills: photos that are there already, enqueued page by page. How far each is; pause, resume, cancel, begin.

import { html, useRef, useState, useStore } from "./base.js";
import { explained, post } from "./api.js";
import { announce } from "./announce.js";
import { confirmed } from "./confirm.js";
import { count, duration, moment, rate } from "./format.js";
import { live } from "./live.js";
import { may } from "./session.js";
import { Action, Card, Empty, State } from "./widgets.js";

export function BackfillsView() {
  const { backfills } = useStore(live);
  const all = backfills?.backfills;
  return html`<div class="title-row"><h1 tabindex="-1">Backfills</h1></div>
    ${may("admin") && html`<${Begin} />`}
    ${!all ? html`<p class="quiet" role="status">Loading…</p>` : html`<${Card} id="backfills" title="Newest backfills">
      ${all.length ? html`<ul class="groups">${all.map((one) => html`<${Backfill} key=${one.id} one=${one} />`)}</ul>`
        : html`<${Empty} title="No backfills">A backfill makes thumbnails of photos that were in a bucket or folder before
          the service. <a href="manual/backfill">Backfill</a><//>`}<//>`}`;
}

function Backfill({ one }) {
  const share = one.total ? Math.min(1, one.listed / one.total) : null;
  const isOpen = one.state === "listing" || one.state === "paused";
  const goes = one.state === "listing" && `${rate(one.photosPerSecond)} per second` +
    (one.secondsLeft != null ? `, ${duration(one.secondsLeft)} left` : "");
  return html`<li class="group">
    <div class="group-head">
      <div class="group-what"><p class="group-code"><code>${one.source}</code> <${State} state=${one.state} />
        ${one.dryRun && html`<span class="chip">only counts</span>`}</p>
        <p class="quiet">began ${moment(one.startedAt)}${one.endedAt ? `, ended ${moment(one.endedAt)}` : ""}${one.glob ? `, only ${one.glob}` : ""}</p></div>
      <div class="actions"><${Moves} one=${one} /></div>
    </div>
    ${isOpen && html`<progress max="1" value=${share} aria-label=${`Progress of ${one.source}`}></progress>`}
    <p class="quiet">${count(one.listed)}${one.total ? ` of ${count(one.total)}` : ""} listed ·
      ${` ${count(one.enqueued)} enqueued · ${count(one.skipped)} skipped · ${count(one.failed)} failed`}${goes ? ` · ${goes}` : ""}</p>
    ${one.error && html`<p class="trouble">${one.error.reason}</p>`}
  </li>`;
}

function Moves({ one }) {
  if (!may("admin") || one.state === "done" || one.state === "cancelled") return null;
  const move = (verb, told) => async () => {
    await post(`api/backfills/${one.id}/${verb}`);
    return told;
  };
  const cancel = async () => {
    const sure = await confirmed({
      title: "Cancel this backfill?", verb: "Cancel the backfill",
      text: `Nothing more of ${one.source} is enqueued. Photos that are enqueued already are rendered.`,
    });
    return sure ? move("cancel", "The backfill is cancelled.")() : null;
  };
  return html`${one.state === "listing"
    ? html`<${Action} onDo=${move("pause", "The backfill is paused.")}>Pause<//>`
    : html`<${Action} kind="primary" onDo=${move("resume", "The backfill goes on.")}>Resume<//>`}
    <${Action} kind="plain danger" onDo=${cancel}>Cancel<//>`;
}

function Begin() {
  const form = useRef(null);
  const [isBusy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    const { source, glob, limit, dryRun } = Object.fromEntries(new FormData(form.current));
    try {
      await post("api/backfills", {
        source: source.trim(), dryRun: dryRun === "on",
        ...(glob.trim() && { glob: glob.trim() }), ...(limit && { limit: Number(limit) }),
      });
      announce("The backfill has begun.");
      form.current.reset();
    } catch (error) {
      announce(explained(error), "bad");
    }
    setBusy(false);
  };
  return html`<${Card} id="begin" title="Begin a backfill"><form class="begin" ref=${form} onSubmit=${submit}>
    <div><label for="source">Bucket or folder</label>
      <input id="source" name="source" required spellcheck="false" autocapitalize="off" placeholder="s3://photos/2025/" /></div>
    <div><label for="glob">Only keys that match</label>
      <input id="glob" name="glob" spellcheck="false" autocapitalize="off" placeholder="*.jpg" /></div>
    <div><label for="limit">At most</label><input id="limit" name="limit" type="number" min="1" inputmode="numeric" placeholder="all" /></div>
    <label class="check"><input type="checkbox" name="dryRun" />Only count</label>
    <button class="button primary" disabled=${isBusy}>Begin</button>
  </form><//>`;
}
