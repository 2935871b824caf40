"""Everything that a queue works with, built once and handed over finished."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from raythumbs.cluster.autoscaler import RayAutoscaler
from raythumbs.cluster.nodes import Node
from raythumbs.db.database import Connection, Database
from raythumbs.db.deliveries import Deliveries
from raythumbs.db.leases import Leases
from raythumbs.db.queue_states import QueueStates
from raythumbs.db.record import Record
from raythumbs.db.shards import Shards
from raythumbs.events import emit
from raythumbs.notifications.changes import Wanted
from raythumbs.queue.admission import Admission, Bounds
from raythumbs.queue.backfiller import Backfiller
from raythumbs.queue.batch import RunBatch
from raythumbs.queue.collector import Collector
from raythumbs.queue.dispatcher import Dispatcher
from raythumbs.queue.entry import Entry
from raythumbs.queue.janitor import Janitor
from raythumbs.queue.loop import Loop, run_safely
from raythumbs.queue.outcomes import Budgets
from raythumbs.queue.pace import Pace
from raythumbs.queue.quarantine import keep
from raythumbs.queue.reconciler import Reconciler
from raythumbs.queue.scaling import Scaling
from raythumbs.queue.slots import Share, Slots
from raythumbs.queue.sqs_poller import SqsPoller
from raythumbs.queue.store_check import StoreCheck
from raythumbs.queue.telemetry import Telemetry
from raythumbs.settings import Settings
from raythumbs.worker.plan import Plan

if TYPE_CHECKING:
    from raythumbs.queue.courier import Courier

_POLL_SECONDS = 0.2  # between two calls that wait for messages
_DIVIDED_SECONDS = 0.2  # between two looks at whether the jobs are divided

Nodes = Callable[[], Awaitable[Mapping[str, Node]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a queue is given: its settings, its shard, how it runs a batch, how it finds the nodes, its pace, and where
    it tells what came of photos."""

    settings: Settings
    shard: int
    plan: Plan
    run: RunBatch
    nodes: Nodes
    pace: Pace = field(default_factory=Pace)
    telemetry: Telemetry = field(default_factory=Telemetry)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueParts:
    """The parts of a queue at work, and the loops that it runs."""

    given: Given
    database: Database
    record: Record
    slots: Slots
    dispatcher: Dispatcher
    admission: Admission
    entry: Entry
    pollers: Sequence[SqsPoller]
    couriers: Sequence["Courier"]
    reconciler: Reconciler
    backfiller: Backfiller
    scaling: Scaling
    stores_answer: StoreCheck
    loops: tuple[Loop, ...]


async def build_parts(given: Given, database: Database) -> QueueParts:
    """Build the parts over a database that is open, and take up the jobs that the queue before left running."""
    record = Record(database, again_seconds=given.pace.write_again_seconds)
    await _divide(record, given)
    await record.insist(lambda db, _now: Deliveries(db).configure(given.settings.webhooks))
    left = await record.insist(lambda db, now: Leases(db, given.shard).readopt(now=now))
    emit("queue.opened", shard=given.shard, readopted=len(left))
    settings, plan = given.settings, given.plan
    slots = _slots(given)
    dispatcher = Dispatcher(
        record,
        slots,
        given.run,
        budgets=_budgets(settings),
        pace=given.pace,
        telemetry=given.telemetry,
        shard=given.shard,
    )
    admission = Admission(record, _bounds(settings), folders=settings.folders)
    entry = Entry(record, admission, wake=dispatcher.wake, shards=settings.queue_shards, shard=given.shard)
    pollers = _pollers(given, entry, record, admission=admission, dispatcher=dispatcher)
    couriers = _couriers(given, database, record)
    reconciler = Reconciler(record, plan, admission, settings, keys_a_page=given.pace.keys_a_page)
    backfiller = Backfiller(record, plan, admission, settings, keys_a_page=given.pace.keys_a_page)
    scaling = Scaling(
        partial(work_waiting, database=database, record=record, dispatcher=dispatcher, shards=settings.queue_shards),
        slots,
        RayAutoscaler(),
        most=settings.max_slots if settings.use_parallel_thumbnails else 1,
    )
    places = dict.fromkeys((settings.store_uri, settings.thumbnails_uri))
    follow = partial(_follow, given.nodes, dispatcher)
    await run_safely(admission.run_once)
    await run_safely(follow)
    own = (
        Loop(dispatcher.run_once, every_seconds=given.pace.dispatch_rest_seconds, wake=dispatcher.wake),
        Loop(dispatcher.renew, every_seconds=settings.lease_seconds / 4),
        Loop(follow, every_seconds=given.pace.follow_nodes_seconds),
        Loop(dispatcher.reconsider, every_seconds=given.pace.reconsider_seconds),
        Loop(admission.run_once, every_seconds=given.pace.admission_rest_seconds),
    )
    thumbnails = plan.stores.at(plan.thumbnails_uri)
    collector = Collector(record, thumbnails, admission, shards=settings.queue_shards)
    of_the_record = (  # of several shards, the first runs these for all
        Loop(scaling.run_once, every_seconds=5),
        Loop(reconciler.run_once, every_seconds=60, wake=reconciler.wake),
        Loop(backfiller.run_once, every_seconds=given.pace.backfill_rest_seconds, wake=backfiller.wake),
        Loop(Janitor(record, settings).run_once, every_seconds=10),
        Loop(collector.run_once, every_seconds=given.pace.collect_rest_seconds),
        *(Loop(poller.run_once, every_seconds=_POLL_SECONDS) for poller in pollers),
        *(Loop(courier.run_once, every_seconds=1) for courier in couriers),
    )
    return QueueParts(
        given=given,
        database=database,
        record=record,
        slots=slots,
        dispatcher=dispatcher,
        admission=admission,
        entry=entry,
        pollers=pollers,
        couriers=couriers,
        reconciler=reconciler,
        backfiller=backfiller,
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


def _pollers(
    given: Given, entry: Entry, record: Record, *, admission: Admission, dispatcher: Dispatcher
) -> Sequence[SqsPoller]:
    """Return the pollers of the queue of SQS, if there is one. Of several shards, the first polls for all."""
    settings, pace = given.settings, given.pace
    if settings.sqs_queue_url is None or given.shard != 0:
        return ()
    from raythumbs.storage.sqs import SqsQueue  # boto3 takes 7 MB in each process that imports this module

    queue = SqsQueue(
        settings.sqs_queue_url,
        wait_seconds=pace.sqs_wait_seconds,
        region=settings.aws_region,
        instance_credentials=settings.instance_credentials,
    )
    wanted = Wanted(
        policy=settings.policy,
        originals_uri=settings.originals_uri,
        folder_rule=settings.folder_rule,
        now=time.time,
    )
    return [
        SqsPoller(
            queue,
            entry,
            wanted,
            admission=admission,
            is_draining=lambda: dispatcher.draining,
            pace=pace,
            quarantine=partial(keep, record),
        )
        for _ in range(pace.sqs_pollers)
    ]


def _couriers(given: Given, database: Database, record: Record) -> Sequence["Courier"]:
    """Return a courier for each endpoint of webhooks. Of several shards, the first delivers for all."""
    if not given.settings.webhooks or given.shard != 0:
        return ()
    from raythumbs.queue.couriers import couriers_of  # imports httpx2, as the module says

    return couriers_of(given.settings, database, record, tally=given.telemetry.tally)


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


async def work_waiting(
    up_to_seconds: float, *, database: Database, record: Record, dispatcher: Dispatcher, shards: int
) -> float:
    """Return the seconds of work of the photos that are due; the other shards have about as many as this one.

    A queue that drains or is paused has no work for more nodes."""
    if dispatcher.draining:
        return 0
    each = dispatcher.photo_seconds * shards
    most = math.ceil(up_to_seconds / each)

    def count(db: Connection) -> int:
        return 0 if QueueStates(db).get().is_paused else Leases(db).waiting(now=database.now(db), limit=most)

    return each * await record.read(count)
