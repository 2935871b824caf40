// sharp in a new worker thread for each photo, as many at a time as there are cores.
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { read, takePart } from "./contest.mjs";
import { take, version } from "./thumbnail.mjs";

const inThread = (contest, key) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { contest, key } });
    worker.once("error", reject);
    worker.once("exit", resolve);
  });

if (isMainThread) {
  const contest = await read();
  const { keys, warm_up, ...asked } = contest;
  await takePart(version, contest, (key) => inThread(asked, key), contest.workers);
} else {
  await take(workerData.contest, workerData.key);
}
