// GET, shrink with sharp, PUT: what both peers with sharp do for a photo.
import { Agent, request } from "node:http";
import process from "node:process";
import sharp from "sharp";

// Several photos at a time fill the cores: with one thread for each photo or with two, a 5 MB JPEG took 43 ms of CPU.
sharp.concurrency(1);
sharp.cache(false);

const mozjpeg = process.argv.includes("mozjpeg");
const agent = new Agent({ keepAlive: true });

export const version = `${sharp.versions.sharp} (libvips ${sharp.versions.vips})`;

export async function take(contest, key) {
  const photo = await answered("GET", `${contest.endpoint}/${contest.bucket}/${key}`);
  const thumbnail = await sharp(photo)
    .rotate() // upright
    .resize(contest.pixels, contest.pixels, { fit: "inside", withoutEnlargement: true })
    .jpeg({ quality: contest.quality, mozjpeg })
    .toBuffer();
  await answered("PUT", `${contest.endpoint}/${contest.made_bucket}/${key}`, thumbnail);
}

/** Ask with Node's own client: for a large body its `fetch` takes more CPU. */
const answered = (method, address, body) =>
  new Promise((resolve, reject) => {
    const asked = request(address, { agent, method }, (answer) => {
      const pieces = [];
      answer.on("data", (piece) => pieces.push(piece));
      answer.on("error", reject);
      answer.on("end", () => {
        if (answer.statusCode < 300) resolve(Buffer.concat(pieces));
        else reject(new Error(`${method} ${address}: ${answer.statusCode}`));
      });
    });
    asked.on("error", reject);
    asked.end(body);
  });
