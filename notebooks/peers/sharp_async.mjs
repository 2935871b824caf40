// sharp in one process with several photos in flight, which libuv's threads shrink: the best that Node does.
import { read, takePart } from "./contest.mjs";
import { take, version } from "./thumbnail.mjs";

const IN_FLIGHT_A_CORE = 32;

const contest = await read();
await takePart(version, contest, (key) => take(contest, key), IN_FLIGHT_A_CORE * contest.workers);
