// Finds photos: by source, folder, or id. The words stand in the address, so that a search can be shared.

import { html, useEffect, useRef, useState, useStore } from "./base.js";
import { explained, get, withQuery } from "./api.js";
import { isId, nameOf } from "./format.js";
import { bestOf, Grid, Picture } from "./gallery.js";
import { live } from "./live.js";
import { Card, Empty, State } from "./widgets.js";

const A_PAGE = 60;

/** What the words ask for: the photo of a source, the photo or the job of an id, or the photos of a folder. */
async function find(text, cursor) {
  if (text.includes("://")) return get(withQuery("api/photos", { source: text }));
  if (isId(text)) return { photos: [await byId(text)], nextCursor: null };
  return get(withQuery("api/photos", { folderId: text, limit: A_PAGE, cursor }));
}

async function byId(id) {
  try {
    return { ...(await get(`api/photos/${id}`)), state: null };
  } catch {
    const job = await get(`api/jobs/${id}`);
    return { ...(await get(`api/photos/${job.photoId}`)), state: job.state };
  }
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a person has typed a percent sign into the address
  }
}

export function SearchView({ rest }) {
  const text = decoded(rest.join("/"));
  const field = useRef(null);
  useEffect(() => {
    field.current.value = text;
  }, [text]);
  const submit = (event) => {
    event.preventDefault();
    location.hash = `#/search/${encodeURIComponent(field.current.value.trim())}`;
  };
  return html`<div class="title-row"><h1 tabindex="-1">Photos</h1></div>
    <form class="search" role="search" onSubmit=${submit}>
      <label for="search">Source, folder, photo id or job id</label>
      <div class="field-row"><input id="search" type="search" ref=${field} required spellcheck="false" autocapitalize="off"
        placeholder="s3://photos/2026/cat.jpg or holiday" /><button class="button primary">Find</button></div>
    </form>
    ${text ? html`<${Found} key=${text} text=${text} />` : html`<${Newest} />`}`;
}

function Newest() {
  const { newest } = useStore(live);
  return html`<${Card} id="newest" title="Newest thumbnails">${newest?.photos.length
    ? html`<${Grid} photos=${newest.photos} />` : html`<${Empty} title="No thumbnails yet" />`}<//>`;
}

function Found({ text }) {
  const [seen, setSeen] = useState(null);
  const load = async (cursor) => {
    try {
      const told = await find(text, cursor);
      setSeen((before) => ({ photos: [...(cursor ? before.photos : []), ...told.photos], next: told.nextCursor }));
    } catch (error) {
      setSeen({ photos: [], error: explained(error) });
    }
  };
  useEffect(() => void load(null), [text]);
  if (!seen) return html`<p class="quiet" role="status">Searching…</p>`;
  return html`<${Card} id="found" title="Found">
    ${seen.error && html`<p class="field-error" role="alert">${seen.error}</p>`}
    ${seen.photos.length ? html`<ul class="found">${seen.photos.map((photo) => html`<${One} key=${photo.photoId} photo=${photo} />`)}</ul>`
      : !seen.error && html`<${Empty} title="No photo">The service knows no photo of this source or folder.<//>`}
    ${seen.next && html`<button type="button" class="button" onClick=${() => load(seen.next)}>Show more</button>`}
  <//>`;
}

const One = ({ photo }) => html`<li class="found-photo"><a href=${`#/photos/${photo.photoId}`}>
  <${Picture} photo=${photo} rendition=${bestOf(photo.renditions)} alt="" />
  <span class="found-what"><strong>${nameOf(photo)}</strong><span class="quiet clamp">${photo.source}</span></span>
  ${photo.state && html`<${State} state=${photo.state} />`}</a></li>`;
