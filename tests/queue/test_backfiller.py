"""Backfills of real folders and buckets, into a real database."""

import asyncio
import os
from contextlib import asynccontextmanager
from itertools import count

import boto3
import pytest

from raythumbs.errors import IllegalMove, SourceNotAllowed, UnknownBackfill
from raythumbs.model.backfill import Backfill, BackfillRequest, BackfillState
from raythumbs.model.job import Priority, State
from raythumbs.model.selection import Selection
from raythumbs.queue.backfill_pages import StorePages
from raythumbs.queue.listing import LAST
from raythumbs.settings import load_settings
from raythumbs.worker.plan import Plan
from tests.conftest import new_bucket
from tests.queue.conftest import Batches, Cluster, at_work, eventually
from tests.queue.test_reconciler import LONG_AGO, Shop

_numbers = count()


@pytest.fixture
def shop(configured, tmp_path) -> Shop:
    return Shop(configured, tmp_path)


def asked(source, **given) -> BackfillRequest:
    return BackfillRequest(id=f"backfill-{next(_numbers):03}", source=source, **given)


def place(shop: Shop) -> str:
    return f"file://{shop.photos}/"


async def ended(queue, backfill_id):
    async def is_over() -> bool:
        return (await queue.verbs.backfill(backfill_id)).state not in {BackfillState.LISTING, BackfillState.PAUSED}

    await eventually(is_over)
    return await queue.verbs.backfill(backfill_id)


async def at_rest(queue):
    async def is_over() -> bool:
        jobs = await queue.verbs.jobs(Selection(), after=None, limit=1000)
        return all(job.state not in {State.QUEUED, State.RUNNING} for job in jobs)

    await eventually(is_over)
    return await queue.verbs.jobs(Selection(), after=None, limit=1000)


async def backfilled(queue, source, **given):
    backfill = await queue.verbs.begin_backfill(asked(source, **given))
    done = await ended(queue, backfill.id)
    await at_rest(queue)
    return done


def run(shop, scenario, **pace):
    async def within():
        async with at_work(shop.settings, Batches(shop.answer), **{"backfill_rest_seconds": 0.01} | pace) as queue:
            return await scenario(queue)

    return asyncio.run(within())


def counts(backfill) -> tuple[int, int, int, int]:
    return backfill.listed, backfill.enqueued, backfill.skipped, backfill.failed


# --- what is enqueued


def test_all_photos_of_a_folder_are_rendered_at_low_priority(shop):
    for name in ("a.jpg", "2026/b 1.jpg", "100%25.jpg", "ä.jpg", "2026-07/c.jpg"):
        shop.photo(name)

    async def scenario(queue):
        return await backfilled(queue, place(shop)), await at_rest(queue)

    done, jobs = run(shop, scenario, keys_a_page=2)

    assert (done.state, counts(done)) == (BackfillState.DONE, (5, 5, 0, 0))
    assert {(job.state, job.priority) for job in jobs} == {(State.SUCCEEDED, Priority.LOW)}
    assert len(shop.thumbnails) == 5


def test_a_second_backfill_skips_what_is_up_to_date_and_takes_what_changed(shop):
    for number in range(5):
        shop.photo(f"{number}.jpg")

    async def scenario(queue):
        await backfilled(queue, place(shop))
        shop.photo("3.jpg", b"another", at=LONG_AGO + 5)
        return await backfilled(queue, place(shop))

    done = run(shop, scenario)

    assert counts(done) == (5, 1, 4, 0)
    assert len(shop.rendered) == 6


def test_a_photo_that_failed_is_counted_and_tried_again_only_when_it_changes(shop):
    bad = shop.photo("bad.jpg")
    shop.photo("good.jpg")
    shop.bad.add(f"file://{bad}")

    async def scenario(queue):
        first = await backfilled(queue, place(shop))
        return await queue.verbs.backfill(first.id), await backfilled(queue, place(shop))

    first, second = run(shop, scenario)

    assert counts(first) == (2, 2, 0, 1)
    assert counts(second) == (2, 0, 2, 0)


def test_photos_are_chosen_by_glob_and_by_time(shop):
    shop.photo("2026/a.jpg", at=LONG_AGO)
    shop.photo("2026/b.jpg", at=LONG_AGO + 100)
    shop.photo("2026/b.png", at=LONG_AGO + 100)
    shop.photo("2025/b.jpg", at=LONG_AGO + 100)

    done = run(shop, lambda queue: backfilled(queue, place(shop), glob="2026/*.jpg", since=LONG_AGO + 50.0))

    assert counts(done) == (4, 1, 3, 0)
    assert [source.rpartition("/")[2] for source in shop.rendered] == ["b.jpg"]


@pytest.mark.parametrize("limit", [1, 4, 7, 9, 10, 11])
def test_no_more_than_the_limit_are_enqueued(shop, limit):
    for number in range(10):
        shop.photo(f"{number}.jpg")

    done = run(shop, lambda queue: backfilled(queue, place(shop), limit=limit), keys_a_page=3)

    assert (done.state, done.enqueued) == (BackfillState.DONE, min(limit, 10))
    assert len(shop.rendered) == min(limit, 10)


def test_a_dry_run_only_counts(shop):
    for number in range(10):
        shop.photo(f"{number}.jpg")

    async def scenario(queue):
        await backfilled(queue, place(shop), limit=4)
        return await backfilled(queue, place(shop), dry_run=True)

    done = run(shop, scenario, keys_a_page=3)

    assert counts(done) == (10, 6, 4, 0)
    assert len(shop.rendered) == 4


def test_what_cannot_be_a_photo_is_counted_and_stops_nothing(shop):
    shop.photo("good.jpg")
    shop.photo("2026_$folder$", b"")
    (shop.photos / os.fsdecode(b"\xff.jpg")).write_bytes(b"photo")

    done = run(shop, lambda queue: backfilled(queue, place(shop)), keys_a_page=1)

    assert (done.state, counts(done)) == (BackfillState.DONE, (3, 1, 1, 1))


# --- what may be read


def test_only_allowed_places_are_listed(shop):
    outside = shop.settings.model_copy(update={"allowed_sources": (f"file://{shop.photos}/open/",)})
    shop.settings = outside

    async def scenario(queue):
        with pytest.raises(SourceNotAllowed):
            await queue.verbs.begin_backfill(asked(place(shop)))

    run(shop, scenario)


def test_a_folder_that_is_not_there_fails_and_can_be_resumed(shop):
    async def scenario(queue):
        missing = await backfilled(queue, f"{place(shop)}later/")
        shop.photo("later/a.jpg")
        resumed = await queue.verbs.resume_backfill(missing.id)
        return missing, resumed, await ended(queue, missing.id)

    missing, resumed, done = run(shop, scenario)

    assert (missing.state, missing.code) == (BackfillState.FAILED, "no_such_object")
    assert (resumed.code, done.state, done.enqueued) == (None, BackfillState.DONE, 1)


# --- pause, resume, cancel, back-pressure


@asynccontextmanager
async def held(shop, *, most: int):
    """Give a queue that renders nothing until its gate opens, and backfills that fill it up to so many photos."""
    shop.settings = shop.settings.model_copy(update={"backfill_max_waiting": most})
    batches = Batches(shop.answer, gate=asyncio.Event())
    async with at_work(shop.settings, batches, keys_a_page=10, backfill_rest_seconds=0.01) as queue:
        try:
            yield queue, batches.gate
        finally:
            batches.gate.set()
            await at_rest(queue)


def test_a_backfill_waits_while_many_photos_wait_and_tells_how_many_there_are(shop):
    for number in range(100):
        shop.photo(f"{number:03}.jpg")

    async def scenario():
        async with held(shop, most=25) as (queue, gate):
            backfill = await queue.verbs.begin_backfill(asked(place(shop)))
            await eventually(lambda: _knows_total(queue, backfill.id))
            waiting = await queue.verbs.backfill(backfill.id)
            gate.set()
            return waiting, await ended(queue, backfill.id)

    waiting, done = asyncio.run(scenario())

    assert waiting.total == 100
    assert 25 <= waiting.enqueued <= 50
    assert counts(done) == (100, 100, 0, 0)


async def _knows_total(queue, backfill_id) -> bool:
    return (await queue.verbs.backfill(backfill_id)).total is not None


def test_a_paused_backfill_enqueues_nothing_and_goes_on_where_it_was(shop):
    for number in range(60):
        shop.photo(f"{number:03}.jpg")

    async def scenario():
        async with held(shop, most=15) as (queue, gate):
            backfill = await queue.verbs.begin_backfill(asked(place(shop)))
            await eventually(lambda: _knows_total(queue, backfill.id))
            paused = await queue.verbs.pause_backfill(backfill.id)
            gate.set()
            await at_rest(queue)
            still = await queue.verbs.backfill(backfill.id)
            await queue.verbs.resume_backfill(backfill.id)
            return paused, still, await ended(queue, backfill.id)

    paused, still, done = asyncio.run(scenario())

    assert (paused.state, still.enqueued) == (BackfillState.PAUSED, paused.enqueued)
    assert counts(done) == (60, 60, 0, 0)
    assert sorted(shop.rendered) == sorted(set(shop.rendered))


def test_a_pause_in_the_middle_of_a_page_is_no_error(shop, caplog):
    for number in range(200):
        shop.photo(f"{number:03}.jpg")

    async def scenario(queue):
        backfill = await queue.verbs.begin_backfill(asked(place(shop)))
        for _ in range(20):
            await queue.verbs.pause_backfill(backfill.id)
            await asyncio.sleep(0)
            await queue.verbs.resume_backfill(backfill.id)
            await asyncio.sleep(0.01)
            if (await queue.verbs.backfill(backfill.id)).listed > 100:
                break
        return await ended(queue, backfill.id)

    done = run(shop, scenario, keys_a_page=1)

    assert (done.state, done.enqueued, done.code) == (BackfillState.DONE, 200, None)
    assert "stumbled" not in caplog.text


def test_a_cancelled_backfill_is_over(shop):
    for number in range(60):
        shop.photo(f"{number:03}.jpg")

    async def scenario():
        async with held(shop, most=15) as (queue, _):
            backfill = await queue.verbs.begin_backfill(asked(place(shop)))
            await eventually(lambda: _knows_total(queue, backfill.id))
            cancelled = await queue.verbs.cancel_backfill(backfill.id)
            with pytest.raises(IllegalMove):
                await queue.verbs.resume_backfill(backfill.id)
            with pytest.raises(UnknownBackfill):
                await queue.verbs.cancel_backfill("nothing")
            return cancelled, await queue.verbs.cancel_backfill(backfill.id)

    cancelled, again = asyncio.run(scenario())

    assert cancelled.state is again.state is BackfillState.CANCELLED


def test_several_backfills_take_turns(shop):
    for number in range(400):
        shop.photo(f"{'ab'[number % 2]}/{number:03}.jpg")

    async def scenario(queue):
        first = await queue.verbs.begin_backfill(asked(f"{place(shop)}a/"))
        second = await queue.verbs.begin_backfill(asked(f"{place(shop)}b/"))
        done = [await ended(queue, one.id) for one in (first, second)]
        return done, await queue.verbs.backfills()

    done, all_ = run(shop, scenario, keys_a_page=5)

    assert [one.enqueued for one in done] == [200, 200]
    assert [one.id for one in all_] == [done[1].id, done[0].id]
    assert done[1].started_at < done[0].ended_at


def test_the_same_request_again_begins_no_second_backfill(shop):
    request = asked(place(shop))

    async def scenario(queue):
        await queue.verbs.begin_backfill(request)
        await queue.verbs.begin_backfill(request)
        return await queue.verbs.backfills()

    assert len(run(shop, scenario)) == 1


def test_a_failing_backfill_does_not_hold_up_others(shop, s3_endpoint):
    shop.settings = shop.settings.model_copy(
        update={"allowed_sources": ("file:///", "s3://"), "s3_endpoint_url": s3_endpoint}
    )
    shop.photo("a.jpg")

    async def scenario(queue):
        bad = await queue.verbs.begin_backfill(asked("s3://there-is-no-such-bucket/"))
        good = await queue.verbs.begin_backfill(asked(place(shop)))
        return await ended(queue, bad.id), await ended(queue, good.id)

    bad, good = run(shop, scenario)

    assert (bad.state, bad.code) == (BackfillState.FAILED, "no_such_bucket")
    assert counts(good) == (1, 1, 0, 0)


# --- buckets, and kills


KEYS = [f"{year}/{month:02}/{number}.jpg" for year in (2024, 2025) for month in (1, 2, 3) for number in range(12)]
ODD = ["top.jpg", "2024.jpg", "2024/ä ö.jpg", "2025/03/%20+.jpg", "z/"]


@pytest.fixture(scope="module")
def bucket(s3_endpoint) -> str:
    """A bucket with these keys, which tests only read."""
    name = new_bucket(s3_endpoint)
    s3 = boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1")
    for key in KEYS + ODD:
        s3.put_object(Bucket=name, Key=key, Body=b"" if key.endswith("/") else b"photo")
    s3.close()
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def record(request, tmp_path) -> str:
    """The address of an empty record."""
    is_postgresql = request.param == "postgresql"
    return request.getfixturevalue("postgresql_url") if is_postgresql else f"sqlite:///{tmp_path}/record.db"


LIVES = 6


@pytest.mark.needs("time")
@pytest.mark.parametrize("seed", [1, 3])
def test_a_backfill_that_is_killed_again_and_again_loses_no_photo_and_enqueues_none_twice(
    tmp_path, s3_endpoint, bucket, record, seed
):
    settings = load_settings(
        data_dir=tmp_path,
        database=record,
        s3_endpoint_url=s3_endpoint,
        allowed_sources=("s3://",),
        backfill_max_waiting=1000,
    )
    backfill = asked(f"s3://{bucket}/")

    async def scenario():
        for life in range(LIVES):
            pace = {"keys_a_page": 3, "backfill_rest_seconds": 0.01}
            async with at_work(settings, Batches(), Cluster({}), drained=False, **pace) as queue:
                await queue.verbs.begin_backfill(backfill)
                before = (await queue.verbs.backfill(backfill.id)).listed
                if life == LIVES - 1:
                    await ended(queue, backfill.id)
                else:
                    looked = lambda: _went_on(queue, backfill.id, before + seed)  # noqa: B023, E731 awaited at once
                    await eventually(looked, longest_seconds=0.01)  # to be in the middle of something
                seen = await queue.verbs.backfill(backfill.id)
                jobs = await queue.verbs.jobs(Selection(), after=None, limit=1000)
                await queue.verbs.close()  # in the middle of whatever it does
        return seen, jobs

    done, jobs = asyncio.run(scenario())

    wanted = {f"s3://{bucket}/{key}" for key in KEYS + ODD if not key.endswith("/")}
    assert {job.source for job in jobs} == wanted
    assert len(jobs) == len(wanted)
    assert (done.listed, done.enqueued) == (len(KEYS + ODD), len(wanted))


async def _went_on(queue, backfill_id, listed) -> bool:
    seen = await queue.verbs.backfill(backfill_id)
    return seen.listed >= listed or seen.state is BackfillState.DONE


def test_a_bucket_is_divided_at_its_folders_and_no_key_is_in_two_ranges_or_in_none(s3_endpoint, bucket, configured):
    settings = configured(s3_endpoint_url=s3_endpoint)
    plan = Plan.of(settings)
    store = plan.stores.at(f"s3://{bucket}/")
    backfill = Backfill(
        id="b", source=f"s3://{bucket}/", state=BackfillState.LISTING, listed=0, enqueued=0, skipped=0, refused=0,
        total=None, code=None, reason=None, started_at=0, ended_at=None,
    )  # fmt: skip
    source = StorePages(backfill, plan, store, folder_rule=settings.folder_rule, size=5)

    parts = source.ranges()
    found = [stat.key for part in parts for page in source.pages(part) for stat in page.stats]

    assert [(part.after, part.until) for part in parts] == [("", "2025/"), ("2025/", "z/"), ("z/", LAST)]
    assert sorted(found) == sorted(KEYS + ODD)
