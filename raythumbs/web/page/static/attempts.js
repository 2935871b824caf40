// The attempts of a job, one by one: when and where each was made, and how it ended.

import { html } from "./base.js";
import { duration, moment, words } from "./format.js";
import { Card, State } from "./widgets.js";

const seconds = ({ beganAt, endedAt }) => (beganAt && endedAt ? (Date.parse(endedAt) - Date.parse(beganAt)) / 1000 : null);

/** A table of the attempts, the last one first. */
export function AttemptList({ attempts }) {
  if (!attempts.length) return null;
  return html`<${Card} id="attempts" title="Attempts"><div class="scroll" tabindex="0" role="region" aria-labelledby="attempts-title"><table>
    <thead><tr><th scope="col">No.</th><th scope="col">Outcome</th><th scope="col">What went wrong</th>
      <th scope="col">Began</th><th scope="col">Took</th><th scope="col">Node</th></tr></thead>
    <tbody>${[...attempts].reverse().map((one) => html`<tr key=${one.number}>
      <th scope="row">${one.number}</th><td><${State} state=${one.outcome ?? "running"} /></td>
      <td class="why">${[one.code && words(one.code), one.reason].filter(Boolean).join(": ") || "–"}</td>
      <td>${moment(one.beganAt)}</td><td>${duration(seconds(one))}</td><td>${one.node ?? "–"}</td></tr>`)}</tbody>
  </table></div><//>`;
}
