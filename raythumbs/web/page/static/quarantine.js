// Quarantine: messages of proven senders that cannot be understood. Look at one, drop it.

import { html, useEffect, useState } from "./base.js";
import { drop, explained, get } from "./api.js";
import { confirmed } from "./confirm.js";
import { moment, size } from "./format.js";
import { may } from "./session.js";
import { Action, Card, Empty } from "./widgets.js";

export function QuarantineView() {
  return html`<div class="title-row"><h1 tabindex="-1">Quarantine</h1></div>
    ${may("admin") ? html`<${Messages} />` : html`<p class="banner warn">Messages may hold what senders keep for
      themselves, so only a key with the scope <code>admin</code> shows them.</p>`}`;
}

function Messages() {
  const [seen, setSeen] = useState(null);
  const load = async () => setSeen(await get("api/quarantine").catch((error) => ({ error: explained(error) })));
  useEffect(() => void load(), []);
  if (!seen) return html`<p class="quiet" role="status">Loading…</p>`;
  if (seen.error) return html`<p class="banner bad" role="alert">${seen.error}</p>`;
  return html`<${Card} id="messages" title="Messages">
    ${seen.messages.length ? html`<ul class="groups">${seen.messages.map((one) => html`<${Message} key=${one.id} one=${one} onGone=${load} />`)}</ul>`
      : html`<${Empty} title="Nothing in quarantine">Notifications that cannot be understood would be kept here.<//>`}<//>`;
}

function Message({ one, onGone }) {
  const [whole, setWhole] = useState(null);
  const show = async () => setWhole(whole ? null : await get(`api/quarantine/${one.id}`));
  const remove = async () => {
    const sure = await confirmed({
      title: "Drop this message?", verb: "Drop it",
      text: "It is deleted for ever. The photos in it are not rendered, unless another message or a reconciliation names them.",
    });
    if (!sure) return null;
    await drop(`api/quarantine/${one.id}`);
    await onGone();
    return "The message is dropped.";
  };
  return html`<li class="group"><div class="group-head">
      <div class="group-what"><p class="group-code"><strong>${one.sender}</strong></p>
        <p class="quiet">${one.reason}</p><p class="quiet small">${moment(one.receivedAt)}, ${size(one.sizeBytes)}</p></div>
      <div class="actions"><${Action} kind="plain" onDo=${show}>${whole ? "Hide" : "Show"}<//>
        <${Action} kind="plain danger" onDo=${remove}>Drop<//></div></div>
    ${whole && html`<pre tabindex="0" aria-label="The message">${Object.entries(whole.headers).map(([name, value]) => `${name}: ${value}\n`).join("")}${"\n"}${whole.body}</pre>`}
  </li>`;
}
