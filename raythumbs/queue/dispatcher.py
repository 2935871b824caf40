"""The dispatcher: fills free slots with batches of leases, and gives more leases to batches that ask."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count

from raythumbs.cluster.nodes import Node
from raythumbs.db.database import Connection
from raythumbs.db.leases import Leases
from raythumbs.db.record import Record
from raythumbs.events import add_facts, emit, emit_trouble
from raythumbs.model.lease import Lease, Report
from raythumbs.queue.batch import Batch, BatchLost, RunBatch
from raythumbs.queue.coalescer import Coalescer
from raythumbs.queue.large_lane import LargeLane
from raythumbs.queue.leasing import Leasing, Room
from raythumbs.queue.node_health import NodeHealth
from raythumbs.queue.outcomes import TOGETHER, Budgets, Outcomes
from raythumbs.queue.pace import Pace
from raythumbs.queue.slots import Slots
from raythumbs.queue.telemetry import Telemetry
from raythumbs.worker.host_load import HostLoad


@dataclass(frozen=True, slots=True)
class _AtWork:
    """A running batch, and the leases that it has not reported yet."""

    batch: Batch
    left: dict[str, Lease]


class Dispatcher:
    """Leases due jobs into free slots. It alone renews leases, so the nodes' clocks do not matter."""

    def __init__(  # noqa: PLR0913 what it works with
        self,
        record: Record,
        slots: Slots,
        run: RunBatch,
        *,
        budgets: Budgets,
        pace: Pace,
        telemetry: Telemetry,
        shard: int = 0,
    ) -> None:
        self._record = record
        self._slots = slots
        self._run = run
        self._lease_seconds = budgets.lease_seconds
        self._min_free_memory_bytes = budgets.min_free_memory_bytes
        self._tally = telemetry.tally
        self._shard = shard
        self._held: dict[str, Lease] = {}
        self._large = LargeLane(slots, places=pace.large_places)
        self._large_had_turn = False
        self._outcomes = Outcomes(record, self._large, budgets=budgets, pace=pace, telemetry=telemetry)
        self._leasing = Leasing(
            slots, shard=shard, lease_seconds=budgets.lease_seconds, photo_seconds=lambda: self.photo_seconds
        )
        self._node_health = NodeHealth(slots)
        self._tickets = count(1)
        self._growing: dict[int, _AtWork] = {}
        # Many slots ask at once: requests that arrive during a write share the next one. It leases as many jobs as a
        # write of endings ends. If it leased more, a queue that has too much to do would lease ever further ahead.
        self._askings: Coalescer[Room, list[Lease]] = Coalescer(
            self._lease_for_all, most=TOGETHER, weigh=lambda room: room.leases
        )
        self._batches: set[asyncio.Task[None]] = set()
        self.draining = False
        self.wake = asyncio.Event()

    @property
    def running(self) -> int:
        """Photos that are leased now."""
        return len(self._held) + len(self._large)

    @property
    def photo_seconds(self) -> float:
        """The seconds that a slot needs for one photo: an estimate from the photos so far."""
        return self._outcomes.photo_seconds

    @property
    def late_reports(self) -> int:
        """Reports of attempts that had lost their lease."""
        return self._outcomes.late_reports

    def follow(self, nodes: Mapping[str, Node]) -> None:
        """Use these nodes and no others. Where slots are new, start worker processes before the first photo comes."""
        before = self._slots.total
        self._slots.follow(nodes)
        self._large.follow(nodes.values())
        self._node_health.forget_others(set(nodes))
        if self._slots.total > before:
            self._warm()

    async def run_once(self) -> None:
        """Lease jobs into every free slot.

        Large photos that wait go first, but others have the next turn: a node may have a single slot."""
        if not self._large_had_turn:
            self._large_had_turn = await self._start_large()
            await self._fill_slots()
        elif await self._fill_slots():
            self._large_had_turn = await self._start_large()

    async def _fill_slots(self) -> bool:
        """Lease jobs into every free slot; return whether there was one."""
        had_slots = False
        while not self.draining and (nodes := list(iter(self._slots.take, None))):
            had_slots = True
            batches: list[list[Lease]] = []
            try:
                batches = await self._record.write(partial(self._leasing.batches, nodes=nodes))
            finally:
                for node in nodes[len(batches) :]:
                    self._slots.give_back(node)
            for node, leases in zip(nodes, batches, strict=False):
                self._start(Batch(next(self._tickets), node, tuple(leases)))
            if len(batches) < len(nodes):
                break
        return had_slots

    def _warm(self) -> None:
        """Run an empty batch in every free slot."""
        while (node := self._slots.take()) is not None:
            self._start(Batch(next(self._tickets), node, ()))

    async def reconsider(self) -> None:
        """See NodeHealth.reconsider."""
        await self._node_health.reconsider(self._run_empty)
        self.wake.set()

    async def _run_empty(self, node: Node) -> None:
        async for _ in self._run(Batch(next(self._tickets), node, ())):
            pass

    async def more(self, ticket: int, room: int, seen: HostLoad | None = None) -> list[Lease]:
        """Return up to `room` more leases for a running batch, so that no slot idles between two batches.

        Return none if the batch's slot is needed for something else. `seen` is the load that its worker sees."""
        if seen and ticket in self._growing:
            node = self._growing[ticket].batch.node
            self._slots.yield_to(seen, node, min_free_bytes=self._min_free_memory_bytes)
        if not self._may_grow(ticket):
            return []
        leases = await self._askings.ask(Room(room, self._growing[ticket].batch.node))
        at_work = self._growing.get(ticket)
        if at_work is None:  # the batch was lost meanwhile
            await self._outcomes.release_innocent(leases, "its batch ended")
            return []
        taken = {lease.job_id: lease for lease in leases}
        at_work.left.update(taken)
        self._held.update(taken)
        return leases

    async def renew(self) -> None:
        """Renew every lease that is held, then rescue jobs whose lease ran out.

        In this order, because after an outage of the database every lease has run out, also those still at work."""
        held = [*self._held.values(), *self._large.leases]

        def write(db: Connection, now: float) -> list[str]:
            jobs = Leases(db, self._shard)
            jobs.renew(held, now=now, lease_seconds=self._lease_seconds)
            return jobs.rescue(now=now)

        if rescued := await self._record.write(write):
            self._tally.rescued(len(rescued))
            emit("jobs.rescued", jobs=rescued)

    async def drain(self, seconds: float) -> None:
        """Lease nothing new, and wait for running batches. Queue unfinished jobs again; it counts no attempt."""
        self.draining = True
        if self._batches:
            await asyncio.wait(self._batches, timeout=seconds)
        self._large.clear()
        left = await self._record.write(lambda db, now: Leases(db, self._shard).readopt(now=now))
        emit("queue.drained", unfinished=len(left))

    def resume(self) -> None:
        """Lease again, after a drain that no other queue followed."""
        self.draining = False
        self.wake.set()
        emit("queue.resumed")

    async def _lease_for_all(self, rooms: list[Room]) -> list[list[Lease]]:
        return await self._record.write(partial(self._leasing.more, rooms=rooms))

    def _may_grow(self, ticket: int) -> bool:
        at_work = self._growing.get(ticket)
        if at_work is None or self.draining:
            return False
        node = at_work.batch.node
        return not self._large.wants(node) and not self._slots.is_over(node)

    async def _start_large(self) -> bool:
        """Start large photos that wait, each with its memory set apart on its node. Return whether one began."""
        if self.draining:
            return False
        begun = self._large.take()
        for node, photo in begun:
            lease = replace(photo.lease, node=node.name)
            self._start(Batch(next(self._tickets), node, (lease,), memory_bytes=photo.needed_bytes))
        for photo in self._large.give_up():
            await self._outcomes.give_up(photo)
        if moved := {photo.lease: node.name for node, photo in begun if photo.lease.node != node.name}:
            await self._record.write(lambda db, _now: Leases(db).move(moved))
        return bool(begun)

    def _start(self, batch: Batch) -> None:
        self._held.update({lease.job_id: lease for lease in batch.leases})
        at_work = _AtWork(batch, {lease.job_id: lease for lease in batch.leases})
        if batch.may_grow:
            self._growing[batch.ticket] = at_work
        task = asyncio.create_task(self._run_batch(at_work))
        self._batches.add(task)
        task.add_done_callback(self._batches.discard)

    async def _take_in(self, at_work: _AtWork, reports: Sequence[Report]) -> None:
        for report in reports:
            at_work.left.pop(report.lease.job_id, None)
            self._node_health.hear(at_work.batch.node, report)
        try:
            await self._outcomes.take_in(reports)
        finally:
            for report in reports:
                self._held.pop(report.lease.job_id, None)

    async def _run_batch(self, at_work: _AtWork) -> None:
        batch = at_work.batch
        add_facts(node=batch.node.name)
        try:
            async for reports in self._run(batch):
                await self._take_in(at_work, reports)
        except BatchLost as lost:
            self._growing.pop(batch.ticket, None)  # first of all: the batch must get no more leases
            if self._node_health.lost(batch.node, lost):
                await self._outcomes.release_innocent(at_work.left.values(), str(lost))
            else:
                await self._outcomes.lost(at_work.left.values(), lost)
        except Exception as error:  # noqa: BLE001 a batch's edge: its leases run out and are rescued
            emit_trouble("batch.stumbled", error, jobs=sorted(at_work.left))
        finally:
            self._growing.pop(batch.ticket, None)
            for job_id in at_work.left:
                self._held.pop(job_id, None)
            if batch.memory_bytes:
                self._slots.give_back_large(batch.node)
            else:
                self._slots.give_back(batch.node)
            self.wake.set()
