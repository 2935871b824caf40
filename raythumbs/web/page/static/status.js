// The queue and its slots: what waits, how long it takes, what the nodes do; pause and resume.

import { html, useState } from "./base.js";
import { explained, post } from "./api.js";
import { announce } from "./announce.js";
import { count, duration, many, moment } from "./format.js";
import { may } from "./session.js";
import { Action, Card, Chip } from "./widgets.js";

const MOST_CELLS = 64; // with more cores, a bar is easier to read

/** Whether the queue works, as a word with a colour. */
export function QueueChip({ status }) {
  if (status.draining) return html`<${Chip} kind="warn">draining<//>`;
  if (status.queue.state === "paused") return html`<${Chip} kind="warn">paused<//>`;
  return html`<${Chip} kind="good">working<//>`;
}

/** Pause or resume, whichever is possible. */
export function PauseButton({ status }) {
  if (!may("admin")) return null;
  if (status.queue.state === "paused") {
    return html`<${Action} kind="primary" topic="pause" onDo=${resume}>Resume<//>`;
  }
  return html`<${Action} topic="pause" onDo=${pause}>Pause<//>`;
}

async function pause() {
  const { running } = await post("api/queue/pause");
  return running ? `Paused. ${many(running, "photo")} at work will be finished.` : "Paused. Uploads are still taken.";
}

async function resume() {
  await post("api/queue/resume");
  return "The queue works again.";
}

/** Why nothing starts, and since when. */
export function PauseBanner({ status }) {
  if (status.draining) {
    return html`<p class="banner warn">The queue is draining: it finishes what runs, and another one takes its place.</p>`;
  }
  if (status.queue.state !== "paused") return null;
  return html`<div class="banner warn">
    <p><strong>The queue is paused</strong> since ${moment(status.queue.since)}${status.queue.reason
      ? `: ${status.queue.reason}` : ""}. Uploads and events are still taken; nothing new starts.</p>
    ${may("admin") && html`<${ReasonForm} key=${status.queue.reason} saved=${status.queue.reason ?? ""} />`}
  </div>`;
}

function ReasonForm({ saved }) {
  const [reason, setReason] = useState(saved);
  const save = async (event) => {
    event.preventDefault();
    try {
      await post("api/queue/pause", { reason: reason.trim() });
      announce("The reason is saved.", "good", "pause");
    } catch (error) {
      announce(explained(error), "bad", "pause");
    }
  };
  return html`<form class="reason" onSubmit=${save}>
    <label for="reason" class="hidden">Why it is paused</label>
    <input id="reason" maxlength="500" placeholder="Say why, for others" value=${reason}
      onInput=${(event) => setReason(event.target.value)} />
    <button class="button" disabled=${!reason.trim() || reason.trim() === saved}>Save</button>
  </form>`;
}

const Tile = ({ name, value, link, children }) => html`<div class="tile">
  <dt>${link ? html`<a href=${link}>${name}</a>` : name}</dt><dd><span class="figure">${value}</span>${children && html`<span class="quiet">${children}</span>`}</dd>
</div>`;

/** The figures that say whether all is well. */
export function Tiles({ status, latency }) {
  const { backlog, states } = status;
  const waiting = Object.entries(backlog).filter(([, jobs]) => jobs).map(([name, jobs]) => `${count(jobs)} ${name}`);
  if (states.running) waiting.push(`${count(states.running)} at work`);
  return html`<dl class="tiles">
    <${Tile} name="Waiting" value=${count(status.queueSize)} link="#/jobs/queued">${waiting.join(" · ") || "nothing waits"}<//>
    <${Tile} name="Oldest waits" value=${status.backlogAgeSeconds ? duration(status.backlogAgeSeconds) : "–"}>
      ${oldest(status)}<//>
    <${Tile} name="Time to thumbnail" value=${duration(latency?.p50Seconds)}>
      ${latency ? `95 % within ${duration(latency.p95Seconds)}` : "no photo yet"}<//>
    <${Tile} name="Done" value=${count(states.succeeded)}>
      ${`${count(states.failed)} failed · ${count(states.cancelled)} cancelled`}<//>
  </dl>`;
}

/** How long the oldest of each priority waits, if several wait, and how many retries are due later. */
function oldest({ backlogAgesSeconds, retriesWaiting }) {
  const ages = Object.entries(backlogAgesSeconds).filter(([, age]) => age).map(([name, age]) => `${name} ${duration(age)}`);
  const told = ages.length > 1 ? ages : [];
  if (retriesWaiting) told.push(`${many(retriesWaiting, "retry", "retries")} due later`);
  return told.join(" · ") || "no retries due later";
}

/** Each node with a bar for each of its cores. */
export function Slots({ status }) {
  const { nodes, activeWorkers, maxWorkers } = status;
  return html`<${Card} id="slots" title="Slots" note=${`${count(activeWorkers)} of ${count(maxWorkers)} in use`}>
    ${nodes.length ? html`<ul class="nodes">${nodes.map((node) => html`<${Node} key=${node.node} node=${node} />`)}</ul>`
      : html`<p class="quiet">No node has joined yet.</p>`}
  <//>`;
}

function Node({ node }) {
  const said = `${node.busy} of ${node.slots} slots in use`;
  const cells = Array.from({ length: Math.max(node.slots, node.cpus) }, (_, at) =>
    at < node.busy ? "busy" : at < node.slots ? "free" : "unused");
  return html`<li class="node">
    <div class="node-head"><span class="node-name" title=${`Node ${node.node}`}>${node.address || node.node.slice(0, 12)}</span>
      <span class="quiet">${said}${node.cpus > node.slots ? `, ${many(node.cpus, "core")}` : ""}</span></div>
    ${cells.length <= MOST_CELLS
      ? html`<div class="cells" aria-hidden="true">${cells.map((kind, at) => html`<i key=${at} class=${kind}></i>`)}</div>`
      : html`<meter min="0" max=${node.slots} value=${node.busy} aria-label=${said}></meter>`}
    ${node.trouble && html`<p class="trouble">${node.trouble}</p>`}
  </li>`;
}
