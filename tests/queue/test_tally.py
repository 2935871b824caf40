"""What the queue counts for monitoring."""

import asyncio
import logging

import pytest

from raythumbs.errors import NotAnImage, StoreUnavailable
from raythumbs.errors.codes import ATTEMPT_CODES, JOB_CODES
from raythumbs.model.figures import Ending, Sending
from raythumbs.model.job import Priority
from raythumbs.model.took import Stage, Took
from raythumbs.queue.tally import PHOTO_BOUNDS, Distribution, Tally
from tests.queue.conftest import Batches, at_work, failing


def figures_after(settings, batches, scenario):
    async def run():
        async with at_work(settings, batches) as queue:
            await scenario(queue)
            await queue.verbs.drain()  # a photo is counted just after its row can be read
            return await queue.verbs.figures()

    return asyncio.run(run())


def test_each_photo_that_ends_is_counted_once_by_its_outcome_and_code(configured):
    batches = Batches(answer=failing(StoreUnavailable("away"), NotAnImage("words")))

    async def scenario(queue):
        await queue.submit(1)
        await queue.ended(1)
        await queue.submit(2, 3, priority=Priority.HIGH)
        await queue.ended(2, 3)

    counts = figures_after(configured(), batches, scenario).shards[0]

    assert {key: count for key, count in counts.photos.items() if count} == {
        (Ending.FAILED, "not_an_image"): 1,
        (Ending.SUCCEEDED, ""): 2,
    }
    assert {code: count for code, count in counts.retries.items() if count} == {"store_unavailable": 1}


def test_the_time_of_a_success_counts_from_the_first_enqueuing_in_its_priority(configured):
    async def scenario(queue):
        await queue.submit(1, priority=Priority.LOW)
        await queue.ended(1)

    counts = figures_after(configured(), Batches(), scenario).shards[0]

    seconds = counts.photo_seconds[Priority.LOW]
    assert sum(seconds.counts) == 1
    assert 0 <= seconds.sum < 20
    assert sum(counts.photo_seconds[Priority.HIGH].counts) == 0


def test_the_log_names_the_job_the_photo_the_attempt_and_the_node(configured, caplog):
    async def scenario(queue):
        await queue.submit(1, 2)
        await queue.ended(1, 2)

    with caplog.at_level(logging.INFO, logger="raythumbs"):
        figures_after(configured(), Batches(answer=failing(NotAnImage("words"))), scenario)

    told = {record.event: record.facts for record in caplog.records}
    whose = {"job_id", "photo_id", "attempt", "node"}
    assert {*told["job.succeeded"]} == {*whose, "seconds"}
    assert {*told["job.failed"]} == {*whose, "code", "reason"}
    assert told["job.failed"]["node"] == "node-1"


def test_figures_have_the_slots_and_addresses_of_nodes_and_the_free_disk(configured):
    async def scenario(queue):
        await queue.submit(1)
        await queue.ended(1)

    figures = figures_after(configured(), Batches(), scenario)

    assert [(one.node, one.slots) for one in figures.status.nodes] == [("node-1", 2)]
    assert figures.free_disk_bytes > 0
    assert figures.shards[0].commits > 0


def test_codes_that_are_known_begin_at_zero_so_that_the_first_failure_is_a_rise():
    counts = Tally().counts(fenced_writes=0, commits=0)

    assert {code for ending, code in counts.photos if ending is Ending.FAILED} == set(JOB_CODES)
    assert set(counts.retries) == set(ATTEMPT_CODES)
    assert set(counts.webhooks) == set(Sending)
    assert {*counts.photos.values(), *counts.retries.values(), *counts.webhooks.values()} == {0}


def test_the_stages_of_an_attempt_are_counted_whatever_came_of_it():
    tally = Tally()

    tally.attempted(Took(fetch=Stage(0.0, 0.2), fetched_bytes=5))
    tally.attempted(Took(fetch=Stage(0.0, 0.3), decode=Stage(0.5, 1.0), fetched_bytes=7, stored_bytes=2))

    counts = tally.counts(fenced_writes=0, commits=0)
    assert {name: (sum(one.counts), one.sum) for name, one in counts.stage_seconds.items()} == {
        "fetch": (2, pytest.approx(0.5)),
        "decode": (1, 1.0),
        "encode": (0, 0.0),
        "store": (0, 0.0),
    }
    assert (counts.fetched_bytes, counts.stored_bytes) == (12, 2)


@pytest.mark.parametrize(("value", "bucket"), [(-1.0, 0), (PHOTO_BOUNDS[0], 0), (0.0501, 1), (1e9, len(PHOTO_BOUNDS))])
def test_a_value_is_counted_in_the_bucket_whose_bound_is_not_below_it(value, bucket):
    seconds = Distribution(PHOTO_BOUNDS)

    seconds.observe(value)

    counts = seconds.histogram().counts
    assert [number for number, count in enumerate(counts) if count] == [bucket]
    assert seconds.histogram().sum == max(0.0, value)
