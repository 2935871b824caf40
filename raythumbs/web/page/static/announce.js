// Messages that appear for a while, and that screen readers read aloud.

import { html, Store, useStore } from "./base.js";

const SHOWN_MS = { good: 6000, bad: 15000 };
const MOST = 3;

const notices = new Store([]);
let lastId = 0;

/** Say a sentence. `kind` is "good" or "bad". A sentence takes the place of an older one about the same topic. */
export function announce(text, kind = "good", topic = null) {
  const id = (lastId += 1);
  const others = notices.value.filter((notice) => !topic || notice.topic !== topic);
  notices.set([...others.slice(1 - MOST), { id, text, kind, topic }]);
  setTimeout(() => dismiss(id), SHOWN_MS[kind]);
}

const dismiss = (id) => notices.set(notices.value.filter((notice) => notice.id !== id));

/** The messages. The region is always there, because screen readers notice only what changes in it. */
export function Notices() {
  return html`<div class="notices" role="status" aria-live="polite">
    ${useStore(notices).map(({ id, text, kind }) => html`<div key=${id} class=${`notice ${kind}`}>
      <span>${text}</span>
      <button type="button" class="close" aria-label="Close the message" onClick=${() => dismiss(id)}>×</button>
    </div>`)}
  </div>`;
}
