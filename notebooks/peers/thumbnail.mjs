// GET, shrink with sharp, PUT: what both peers with sharp do for a photo. fetch keeps its connections.
import sharp from "sharp";

sharp.concurrency(1); // the photos at a time are the concurrency
sharp.cache(false);

export const version = `${sharp.versions.sharp} (libvips ${sharp.versions.vips})`;

export async function take(contest, key) {
  const photo = await answered(`${contest.endpoint}/${contest.bucket}/${key}`);
  const thumbnail = await sharp(Buffer.from(photo))
    .rotate() // upright
    .resize(contest.pixels, contest.pixels, { fit: "inside", withoutEnlargement: true })
    .jpeg({ quality: contest.quality })
    .toBuffer();
  await answered(`${contest.endpoint}/${contest.made_bucket}/${key}`, { method: "PUT", body: thumbnail });
}

async function answered(address, options) {
  const answer = await fetch(address, options);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return answer.arrayBuffer();
}
