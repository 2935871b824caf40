// Photos per second over the last five minutes, as a moving line.

import { html, useState, useStore } from "./base.js";
import { moment, rate } from "./format.js";
import { rates } from "./live.js";

const SPAN_MS = 300_000;
const WIDTH = 600;
const HEIGHT = 120;
const STEPS = [1, 2, 5];

/** The next round number: 1, 2 or 5 times a power of ten. */
function roundUp(value) {
  if (value <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return (STEPS.find((step) => step * power >= value) ?? 10) * power;
}

const xOf = (at, now) => WIDTH * (1 - (now - at) / SPAN_MS);

/** The lines of the chart: one for each stretch of time in which the service answered. */
function lines(points, { now, top }) {
  const found = [];
  let open = null;
  for (const { at, rate: perSecond } of points) {
    if (perSecond === null) {
      open = null;
      continue;
    }
    if (!open) found.push((open = []));
    open.push([xOf(at, now), HEIGHT * (1 - perSecond / top)]);
  }
  return found;
}

const path = (line) => line.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
const area = (line) => `${path(line)}L${line.at(-1)[0].toFixed(1)} ${HEIGHT}L${line[0][0].toFixed(1)} ${HEIGHT}Z`;

/** The point that is nearest to a place in the chart: a fraction of its width, from the left. */
function pointAt(points, { share, now }) {
  const wanted = now - SPAN_MS * (1 - share);
  const known = points.filter((point) => point.rate !== null);
  return known.reduce((best, point) => (Math.abs(point.at - wanted) < Math.abs(best.at - wanted) ? point : best), known[0]);
}

/** The chart, with the rate of the moment in large digits. */
export function Chart() {
  const points = useStore(rates);
  const [share, setShare] = useState(null); // where the pointer is
  const last = points.at(-1);
  const highest = Math.max(0, ...points.map((point) => point.rate ?? 0));
  const top = roundUp(highest);
  const drawn = lines(points, { now: last?.at ?? 0, top });
  const now = last?.rate ?? 0;
  const seen = share === null ? null : pointAt(points, { share, now: last?.at });
  const follow = ({ currentTarget, clientX }) => {
    const { left, width } = currentTarget.getBoundingClientRect();
    setShare((clientX - left) / width);
  };
  const said = `Photos per second over the last five minutes. Now ${rate(now)}, at most ${rate(highest)}.`;
  return html`<section class="card chart" aria-labelledby="chart-title">
    <div class="card-head">
      <h2 id="chart-title">Photos per second</h2>
      <p class="quiet">${seen ? `${rate(seen.rate)} at ${moment(new Date(seen.at))}` : `highest ${rate(highest)}`}</p>
    </div>
    <p class="figure large">${rate(now)}</p>
    <div class="plot" onPointerMove=${follow} onPointerLeave=${() => setShare(null)}>
      <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label=${said}>
        ${[0, 0.5, 1].map((share) => html`<line key=${share} class="grid" x1="0" x2=${WIDTH}
          y1=${HEIGHT * share} y2=${HEIGHT * share} />`)}
        ${drawn.map((line, index) => html`<g key=${index}>
          <path class="area" d=${area(line)} /><path class="line" d=${path(line)} /></g>`)}
        ${seen && html`<line class="pointer" y1="0" y2=${HEIGHT} x1=${xOf(seen.at, last.at)} x2=${xOf(seen.at, last.at)} />`}
      </svg>
      <span class="scale top" aria-hidden="true">${top}</span>
      <span class="scale middle" aria-hidden="true">${top / 2}</span>
    </div>
    <p class="axis quiet" aria-hidden="true"><span>5 min ago</span><span>now</span></p>
  </section>`;
}
