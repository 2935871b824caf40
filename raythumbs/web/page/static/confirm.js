// A question before something that cannot be undone.

import { html, Store, useEffect, useRef, useStore } from "./base.js";

const question = new Store(null);

/** Ask; return whether the person wants it. `verb` is what the button says. */
export function confirmed({ title, text, verb }) {
  return new Promise((resolve) => question.set({ title, text, verb, resolve }));
}

/** The dialog. The browser keeps the focus in it, and Escape closes it. */
export function Confirmations() {
  const asked = useStore(question);
  const dialog = useRef(null);
  useEffect(() => {
    if (asked) dialog.current.showModal();
  }, [asked]);
  if (!asked) return null;
  const answer = (sure) => {
    dialog.current.close(); // which gives the focus back
    question.set(null);
    asked.resolve(sure);
  };
  return html`<dialog ref=${dialog} aria-labelledby="question" aria-describedby="question-text" onCancel=${() => answer(false)}>
    <h2 id="question">${asked.title}</h2><p id="question-text">${asked.text}</p>
    <div class="actions"><button type="button" class="button" onClick=${() => answer(false)}>Back</button>
      <button type="button" class="button danger" onClick=${() => answer(true)}>${asked.verb}</button></div>
  </dialog>`;
}
