// The names of uploaded photos. A job has only its source, and an upload's source ends in an id; the photo has its name.

import { useEffect, useState } from "./base.js";
import { get } from "./api.js";
import { isId, nameOf } from "./format.js";

const AT_ONCE = 4;
const MOST_KEPT = 2000;

const known = new Map();
const waiting = [];
let asking = 0;

/** Return what people call the photo of a job: at first by its source, and then by its name. */
export function useName(job) {
  const bySource = nameOf(job);
  const [name, setName] = useState(known.get(job.photoId) ?? bySource);
  useEffect(() => {
    if (!isId(bySource) || known.has(job.photoId)) return undefined;
    const wish = { photoId: job.photoId, tell: setName };
    waiting.push(wish);
    askNext();
    return () => {
      wish.tell = null; // the row is gone
    };
  }, [job.photoId]);
  return name;
}

async function askNext() {
  if (asking === AT_ONCE || !waiting.length) return;
  const wish = waiting.shift();
  if (wish.tell) {
    asking += 1;
    const photo = await get(`api/photos/${wish.photoId}`).catch(() => null); // deleted meanwhile: the id has to do
    asking -= 1;
    if (photo) keep(wish.photoId, nameOf(photo));
    wish.tell?.(known.get(wish.photoId) ?? wish.photoId);
  }
  askNext();
}

function keep(photoId, name) {
  if (known.size >= MOST_KEPT) known.clear();
  known.set(photoId, name);
}
