// The newest thumbnails. Each appears as a blur of 25 bytes first (ThumbHash), then as the picture.

import { html, useState } from "./base.js";
import { nameOf } from "./format.js";
import { session } from "./session.js";
import { thumbHashToDataURL } from "./thumbhash.js";
import { Card, Empty } from "./widgets.js";

const SHARP_PIXELS = 240;
const blurs = new Map();

function blurOf(photo) {
  if (!photo.thumbHash) return null;
  if (!blurs.has(photo.thumbHash)) {
    if (blurs.size > 500) blurs.clear();
    blurs.set(photo.thumbHash, thumbHashToDataURL(Uint8Array.from(atob(photo.thumbHash), (one) => one.charCodeAt(0))));
  }
  return blurs.get(photo.thumbHash);
}

/** The address of a thumbnail as this browser reaches it: the service may know itself by another name. */
export function reachable(url) {
  const base = `${session.value?.baseUrl}/thumbnails/`;
  return url.startsWith(base) ? `thumbnails/${url.slice(base.length)}` : url;
}

/** The smallest thumbnail that is sharp enough, else the largest. */
export function bestOf(renditions, pixels = SHARP_PIXELS) {
  const sorted = [...renditions].sort((one, other) => one.width * one.height - other.width * other.height);
  return sorted.find(({ width, height }) => Math.max(width, height) >= pixels) ?? sorted.at(-1);
}

/** A picture with its blur behind it. */
export function Picture({ photo, rendition, alt }) {
  const [state, setState] = useState("loading");
  const blur = blurOf(photo);
  return html`<span class=${`picture ${state}`}>
    ${blur && html`<img class="blur" src=${blur} alt="" />`}
    ${rendition && html`<img class="sharp" src=${reachable(rendition.url)} alt=${alt} loading="lazy" decoding="async"
      width=${rendition.width} height=${rendition.height}
      onLoad=${() => setState("loaded")} onError=${() => setState("broken")} />`}
  </span>`;
}

/** Pictures, each a link to its photo. */
export const Grid = ({ photos }) => html`<ul class="gallery">${photos.map((photo) => html`<li key=${photo.photoId}>
  <a href=${`#/photos/${photo.photoId}`} title=${nameOf(photo)}>
    <${Picture} photo=${photo} rendition=${bestOf(photo.renditions)} alt=${nameOf(photo)} /></a>
</li>`)}</ul>`;

/** The newest thumbnails. */
export function Gallery({ newest }) {
  return html`<${Card} id="gallery" title="Newest thumbnails" wide>
    ${newest.photos.length ? html`<${Grid} photos=${newest.photos} />`
      : html`<${Empty} title="No thumbnails yet">Drop photos anywhere on this page, or let your bucket report new
        ones: <a href="manual/notifications">notifications</a>.<//>`}
  <//>`;
}
