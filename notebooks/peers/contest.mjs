// How a peer in Node takes part in `raythumbs bench throughput`: see raythumbs/bench/throughput/contestants.py.
import process from "node:process";
import { createInterface } from "node:readline";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Return the contest: endpoint, bucket, made_bucket, keys, warm_up, pixels, quality, workers. */
export const read = async () => JSON.parse((await lines.next()).value);

/** Warm up, set out when told to, and tell how many seconds each photo took. */
export async function takePart(version, contest, take, inFlight) {
  await takeAll(contest.warm_up, take, inFlight);
  console.log(JSON.stringify({ version }));
  await lines.next();
  console.log(JSON.stringify({ done: await takeAll(contest.keys, take, inFlight) }));
  process.exit(0);
}

/** Take all photos, so many at a time; return the seconds since the start when each was done. */
async function takeAll(keys, take, inFlight) {
  const began = performance.now();
  const done = [];
  const left = keys[Symbol.iterator]();
  const takeSome = async () => {
    for (const key of left) {
      await take(key);
      done.push((performance.now() - began) / 1000);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, takeSome));
  return done;
}
