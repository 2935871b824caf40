// The first view: is all well, and if not, what to do.

import { html, useStore } from "./base.js";
import { Chart } from "./chart.js";
import { Failures } from "./failures.js";
import { Gallery } from "./gallery.js";
import { live } from "./live.js";
import { UploadButton } from "./uploads.js";
import { PauseBanner, PauseButton, QueueChip, Slots, Tiles } from "./status.js";

export function Overview() {
  const { status, failures, newest } = useStore(live);
  if (!status || !failures || !newest) return html`<p class="quiet" role="status">Loading the figures…</p>`;
  return html`
    <div class="title-row"><h1 tabindex="-1">Overview</h1><${QueueChip} status=${status} />
      <div class="actions"><${PauseButton} status=${status} /><${UploadButton} /></div></div>
    <${PauseBanner} status=${status} />
    <${Tiles} status=${status} latency=${newest.latency} />
    <div class="columns">
      <${Chart} />
      <div class="side"><${Slots} status=${status} /><${Failures} failures=${failures} short /></div>
      <${Gallery} newest=${newest} />
    </div>`;
}
