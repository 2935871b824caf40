// The frame of the page: its header, the view that the address names, and what stands above all views.

import { html, render, useEffect, useState, useStore } from "./base.js";
import { Notices } from "./announce.js";
import { BackfillsView } from "./backfills.js";
import { Confirmations } from "./confirm.js";
import { moment } from "./format.js";
import { Failures } from "./failures.js";
import { JobsView } from "./jobs.js";
import { live } from "./live.js";
import { Overview } from "./overview.js";
import { PhotoView } from "./photo.js";
import { QuarantineView } from "./quarantine.js";
import { SearchView } from "./search.js";
import { begin, isIn, may, Person, session, SignIn, trouble } from "./session.js";
import { DropZone, Tray, UploadButton } from "./uploads.js";

const VIEWS = {
  "": Overview, jobs: JobsView, search: SearchView, photos: PhotoView, failures: FailuresView, backfills: BackfillsView,
  quarantine: QuarantineView,
};
const TABS = [
  ["", "Overview"], ["search", "Photos"], ["jobs", "Jobs"], ["failures", "Failures"], ["backfills", "Backfills"],
  ["quarantine", "Quarantine"],
];
const TITLES = { ...Object.fromEntries(TABS), photos: "Photo" };

function FailuresView() {
  const { failures } = useStore(live);
  return html`<div class="title-row"><h1 tabindex="-1">Failures</h1></div>
    ${failures ? html`<${Failures} failures=${failures} />` : html`<p class="quiet" role="status">Loading…</p>`}`;
}

const route = () => location.hash.replace(/^#\/?/, "").split("/");

/** The parts of the address, which change when a link is followed. The view's heading then gets the focus. */
function useRoute() {
  const [parts, setParts] = useState(route());
  useEffect(() => {
    const follow = () => {
      setParts(route());
      requestAnimationFrame(() => document.querySelector("main h1")?.focus());
    };
    if (route().join("/") !== parts.join("/")) follow(); // a link was followed before this listened
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return parts;
}

function Header({ view }) {
  const { connection, failures } = useStore(live);
  const failed = failures?.failures.reduce((sum, { count }) => sum + count, 0);
  return html`<header class="masthead">
    <a class="brand" href="#/"><img src="page/icon.svg" alt="" width="28" height="28" />raythumbs</a>
    <nav aria-label="Views"><ul>${TABS.map(([name, title]) => html`<li key=${name}>
      <a href=${`#/${name}`} aria-current=${name === (view === "photos" ? "search" : view) ? "page" : null}>${title}${name === "failures" && failed
        ? html`<span class="badge" aria-label=${`${failed} failed`}>${failed > 999 ? "999+" : failed}</span>` : ""}</a>
    </li>`)}</ul></nav>
    <div class="masthead-end">
      <span class=${`pulse ${connection}`} title="The connection to the service">${connection}</span>
      <a href="manual">Manual</a><a href="docs">API</a><${Person} />
    </div>
  </header>`;
}

function Gone() {
  const { connection, since, why } = useStore(live);
  return html`<div class="above" role="alert">${connection === "gone" && html`<p class="banner bad"><strong>${why}</strong>
    ${" "}What you see is from ${moment(since)}. This page tries again by itself.</p>`}</div>`;
}

function Page() {
  useStore(session);
  const told = useStore(trouble);
  const [view, ...rest] = useRoute();
  if (!session.value) {
    return html`<main class="sign-in" id="main"><p role="status">${told ? `${told} This page tries again by itself.` : "Loading…"}</p></main>`;
  }
  if (!isIn()) return html`<${SignIn} />`;
  const View = VIEWS[view] ?? Overview;
  document.title = `${TITLES[view] ?? "Overview"} – raythumbs`;
  return html`<a class="skip" href="#main" onClick=${(event) => skip(event)}>Skip to the content</a>
    <${Header} view=${view} />
    <${Gone} /><${Tray} />
    <main id="main" tabindex="-1">${may("read") ? html`<${View} rest=${rest} />` : html`<${OnlyUploads} />`}</main>
    <${DropZone} /><${Confirmations} />`;
}

const OnlyUploads = () => html`<div class="title-row"><h1 tabindex="-1">Upload</h1><div class="actions"><${UploadButton} /></div></div>
  <p class="banner warn">The key of ${session.value.name} may upload photos, but not see any. Sign in with a key that has
    the scope <code>read</code> to see more.</p>`;

function skip(event) {
  event.preventDefault(); // the address names the view
  document.getElementById("main").focus();
}

render(html`<${Page} /><${Notices} />`, document.getElementById("page"));
begin();
