"""Everything that a queue works with, built once and handed over finished."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from raythumbs.cluster.autoscaler import RayAutoscaler
from raythumbs.cluster.nodes import Node
from raythumbs.db.database import Database
from raythumbs.db.leases import Leases
from raythumbs.db.record import Record
from raythumbs.db.shards import Shards
from raythumbs.events import emit
from raythumbs.queue.admission import Admission, Bounds
from raythumbs.queue.batch import RunBatch
from raythumbs.queue.collector import Collector
from raythumbs.queue.dispatcher import Dispatcher
from raythumbs.queue.janitor import Janitor
from raythumbs.queue.loop import Loop, run_safely
from raythumbs.queue.outcomes import Budgets
from raythumbs.queue.pace import Pace
from raythumbs.queue.reconciler import Reconciler
from raythumbs.queue.scaling import Scaling
from raythumbs.queue.slots import Share, Slots
from raythumbs.queue.store_check import StoreCheck
from raythumbs.settings import Settings
from raythumbs.worker.plan import Plan

_DIVIDED_SECONDS = 0.2  # between two looks at whether the jobs are divided

Nodes = Callable[[], Awaitable[Mapping[str, Node]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a queue is given: its settings, its shard, how it runs a batch, how it finds the nodes, and its pace."""

    settings: Settings
    shard: int
    plan: Plan
    run: RunBatch
    nodes: Nodes
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueParts:
    """The parts of a queue at work, and the loops that it runs."""

    given: Given
    database: Database
    record: Record
    slots: Slots
    dispatcher: Dispatcher
    admission: Admission
    reconciler: Reconciler
    scaling: Scaling
    stores_answer: StoreCheck
    loops: tuple[Loop, ...]


async def build_parts(given: Given, database: Database) -> QueueParts:
    """Build the parts over a database that is open, and take up the jobs that the queue before left running."""
    record = Record(database, again_seconds=given.pace.write_again_seconds)
    await _divide(record, given)
    left = await record.insist(lambda db, now: Leases(db, given.shard).readopt(now=now))
    emit("queue.opened", shard=given.shard, readopted=len(left))
    settings, plan = given.settings, given.plan
    slots = _slots(given)
    dispatcher = Dispatcher(record, slots, given.run, budgets=_budgets(settings), pace=given.pace, shard=given.shard)
    admission = Admission(record, _bounds(settings), folders=settings.folders)
    reconciler = Reconciler(record, plan, admission, settings, keys_a_page=given.pace.keys_a_page)
    scaling = Scaling(
        partial(_work_waiting, database=database, record=record, dispatcher=dispatcher, shards=settings.queue_shards),
        slots,
        RayAutoscaler(),
        most=settings.max_slots if settings.use_parallel_thumbnails else 1,
    )
    places = dict.fromkeys((settings.store_uri, settings.thumbnails_uri))
    follow = partial(_follow, given.nodes, dispatcher)
    await run_safely(admission.run_once)
    await run_safely(follow)
    own = (
        Loop(dispatcher.run_once, every_seconds=1, wake=dispatcher.wake),
        Loop(dispatcher.renew, every_seconds=settings.lease_seconds / 4),
        Loop(follow, every_seconds=2),
        Loop(dispatcher.reconsider, every_seconds=given.pace.reconsider_seconds),
        Loop(admission.run_once, every_seconds=1),
    )
    thumbnails = plan.stores.at(plan.thumbnails_uri)
    of_the_record = (  # of several shards, the first runs these for all
        Loop(scaling.run_once, every_seconds=5),
        Loop(reconciler.run_once, every_seconds=60, wake=reconciler.wake),
        Loop(Janitor(record, settings).run_once, every_seconds=10),
        Loop(Collector(record, thumbnails, admission, shards=settings.queue_shards).run_once, every_seconds=5),
    )
    return QueueParts(
        given=given,
        database=database,
        record=record,
        slots=slots,
        dispatcher=dispatcher,
        admission=admission,
        reconciler=reconciler,
        scaling=scaling,
        stores_answer=StoreCheck(lambda: map(plan.stores.at, places)),
        loops=own + (of_the_record if given.shard == 0 else ()),
    )


async def _divide(record: Record, given: Given) -> None:
    """Divide the jobs into shards; the other shards wait until the first has done so."""
    shards = given.settings.queue_shards
    if given.shard == 0:
        await record.insist(lambda db, _now: Shards(db).divide(shards))
    while await record.insist(lambda db, _now: Shards(db).count()) != shards:  # noqa: ASYNC110 another process does it
        await asyncio.sleep(_DIVIDED_SECONDS)


def _slots(given: Given) -> Slots:
    settings = given.settings
    return Slots(
        per_node=settings.max_workers_per_node,
        in_all=None if settings.use_parallel_thumbnails else 1,
        share=Share(given.shard, settings.queue_shards),
    )


def _budgets(settings: Settings) -> Budgets:
    return Budgets(
        lease_seconds=settings.lease_seconds,
        max_errors=settings.max_errors,
        max_timeouts=settings.max_timeouts,
        max_crashes=settings.max_crashes,
        min_free_memory_bytes=settings.min_free_memory_bytes,
    )


def _bounds(settings: Settings) -> Bounds:
    return Bounds(
        max_backlog=settings.max_backlog,
        min_free_disk_bytes=settings.min_free_disk_bytes,
        min_free_memory_bytes=settings.min_free_memory_bytes,
    )


async def _follow(nodes: Nodes, dispatcher: Dispatcher) -> None:
    dispatcher.follow(await nodes())


async def _work_waiting(
    up_to_seconds: float, *, database: Database, record: Record, dispatcher: Dispatcher, shards: int
) -> float:
    """Return the seconds of work of the photos that are due; the other shards have about as many as this one."""
    if dispatcher.draining:
        return 0
    each = dispatcher.photo_seconds * shards
    most = math.ceil(up_to_seconds / each)
    return each * await record.read(lambda db: Leases(db).waiting(now=database.now(db), limit=most))
