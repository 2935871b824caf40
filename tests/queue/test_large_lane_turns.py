"""Large photos never keep others out, also where a node has a single slot."""

import asyncio

from raythumbs.cluster.nodes import Node
from raythumbs.errors import NeedsMemory
from raythumbs.model.job import Priority, State
from raythumbs.model.lease import Failed, Report
from tests.queue.conftest import Cluster, a_success, at_work

ONE_SLOT = Node("roomy", cpus=1, memory_bytes=2_000)
LARGE, SMALL = range(8), (98, 99)


def test_on_a_node_with_one_slot_others_take_turns_with_large_photos(configured):
    order: list[str] = []
    small_wait = asyncio.Event()

    async def batch(given):
        for lease in given.leases:
            small = lease.job_id in {f"job-{number}" for number in SMALL}
            if given.memory_bytes:
                order.append("large")
                await small_wait.wait()
            if given.memory_bytes or small:
                order.extend(["small"] * small)
                yield (Report(lease, a_success(), 0.01),)
            else:
                yield (Report(lease, Failed(NeedsMemory("much", 1_500)), 0.0),)

    async def run():
        async with at_work(configured(), batch, Cluster({"roomy": ONE_SLOT})) as queue:
            await queue.submit(*LARGE)
            async with asyncio.timeout(20):
                while not order:
                    await asyncio.sleep(0.01)
            await queue.submit(*SMALL, priority=Priority.HIGH)
            small_wait.set()
            return await queue.ended(*LARGE, *SMALL)

    jobs = asyncio.run(run())

    assert {job.state for job in jobs} == {State.SUCCEEDED}
    assert order.count("large") == len(LARGE)
    assert "small" in order[:3]  # behind the large one that was at work, and at most one other
