// Small components that every part of the page uses.

import { html, useState } from "./base.js";
import { announce } from "./announce.js";
import { explained } from "./api.js";

/** A section with a heading. `actions` stand beside the heading. */
export function Card({ title, actions, children, id, wide, note }) {
  return html`<section class=${wide ? "card wide" : "card"} aria-labelledby=${`${id}-title`}>
    <div class="card-head">
      <h2 id=${`${id}-title`}>${title}</h2>
      ${note && html`<p class="quiet">${note}</p>`}
      ${actions && html`<div class="actions">${actions}</div>`}
    </div>
    ${children}
  </section>`;
}

/** A button whose work takes a while. It says what came of it: `onDo` returns a sentence, or throws. `topic`: see announce. */
export function Action({ onDo, children, kind = "", label, disabled, topic }) {
  const [isBusy, setBusy] = useState(false);
  const run = async () => {
    if (isBusy) return; // it is not disabled meanwhile, because a disabled button loses the focus
    setBusy(true);
    try {
      const told = await onDo();
      if (told) announce(told, "good", topic);
    } catch (error) {
      announce(explained(error), "bad", topic);
    } finally {
      setBusy(false);
    }
  };
  return html`<button type="button" class=${`button ${kind}`} aria-label=${label} aria-busy=${isBusy ? "true" : null}
    disabled=${disabled} onClick=${run}>${children}</button>`;
}

/** What stands where there is nothing yet. */
export const Empty = ({ title, children }) =>
  html`<div class="empty"><p class="empty-title">${title}</p>${children && html`<p>${children}</p>`}</div>`;

/** A word with a colour, for states. The word alone says it; the colour helps. */
export const Chip = ({ kind, children }) => html`<span class=${`chip ${kind}`}>${children}</span>`;

const KINDS = {
  succeeded: "good", sent: "good", done: "good", working: "good", failed: "bad", refused: "bad", queued: "calm", running: "calm",
  listing: "calm", paused: "warn", cancelled: "quiet-chip", lost: "warn",
};

/** The state of a job or a backfill. */
export const State = ({ state }) => html`<${Chip} kind=${KINDS[state] ?? ""}>${state}<//>`;

/** Names and values. Rows without a value are left out. */
export const Facts = ({ rows }) => html`<dl class="facts">
  ${rows.filter(([, value]) => value != null && value !== "").map(
    ([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
</dl>`;
