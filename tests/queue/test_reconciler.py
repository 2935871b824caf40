"""The stores compared with the record: real folders, a real database."""

import asyncio
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from raythumbs.db.intake import Intake
from raythumbs.errors import NotAnImage, NotReconciled, Overloaded
from raythumbs.model.job import JobRequest, Priority, State
from raythumbs.model.lease import Failed, Succeeded
from raythumbs.model.selection import Selection
from raythumbs.queue.admission import Admission
from raythumbs.storage.files import FileStore
from raythumbs.worker.plan import Plan
from tests.queue.conftest import Batches, a_success, at_work, eventually

LONG_AGO = 1_700_000_000


class Shop:
    """A service's folders, and photos in them."""

    def __init__(self, configured, tmp_path: Path, **given) -> None:
        self.photos = tmp_path / "watched"
        self.photos.mkdir()
        self.settings = configured(watched=(f"file://{self.photos}",), reconcile_every_seconds=0, **given)
        self.plan = Plan.of(self.settings)
        self.store = FileStore(self.settings.data_dir / "store")
        self.rendered: list[str] = []
        self.bad: set[str] = set()

    def photo(self, name: str, content: bytes = b"photo", *, at: float = LONG_AGO) -> Path:
        path = self.photos / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (at, at))
        return path

    def answer(self, lease):
        """Render as a task would: the version that is there now, a thumbnail in the store."""
        self.rendered.append(lease.source)
        if lease.source in self.bad:
            return Failed(NotAnImage("no"))
        path = Path(lease.source.removeprefix("file://").replace("%25", "%"))
        version = self.store_of(path).version
        key = self.plan.key(lease.source, version, self.settings.specs[0])
        self.store.put(key, b"thumbnail", "image/jpeg")
        os.utime(self.store.root / key, (LONG_AGO, LONG_AGO))
        success = a_success()
        made = replace(success.renditions[0], key=key)
        return Succeeded(replace(success.picture, version=version), (made,))

    def store_of(self, path: Path):
        return FileStore(path.parent).head(path.name)

    def lose_thumbnails(self) -> None:
        for folder in (self.store.root / "thumbnails").iterdir():
            shutil.rmtree(folder)

    @property
    def thumbnails(self) -> list[Path]:
        walk = os.walk(self.store.root / "thumbnails")  # which, other than rglob, may lose a folder on its way
        return [Path(folder, name) for folder, _, names in walk for name in names]


async def passed(queue):
    """Reconcile, and wait for what that finds to be done."""
    await queue.verbs.reconcile()

    async def is_over() -> bool:
        status = await queue.verbs.status()
        waiting = sum(status.overview.backlog.values()) + status.running
        return (await queue.verbs.reconciliation()).finished_at is not None and not waiting

    await eventually(is_over)
    await asyncio.sleep(0.25)  # what a status may be old
    await eventually(is_over)
    return (await queue.verbs.reconciliation()).found


def reconciled(shop, scenario, **pace):
    async def run():
        async with at_work(shop.settings, Batches(shop.answer), **pace) as queue:
            return await scenario(queue)

    return asyncio.run(run())


@pytest.fixture
def shop(configured, tmp_path) -> Shop:
    return Shop(configured, tmp_path)


def test_photos_that_were_never_heard_of_are_rendered_at_low_priority(shop):
    for name in ("a.jpg", "2026/b 1.jpg", "100%25.jpg", "ä.jpg"):
        shop.photo(name)

    async def scenario(queue):
        found = await passed(queue)
        return found, await queue.verbs.jobs(Selection(), after=None, limit=10)

    found, jobs = reconciled(shop, scenario)

    assert (found.missing, found.stale, found.deleted, found.orphaned) == (4, 0, 0, 0)
    assert {job.state for job in jobs} == {State.SUCCEEDED}
    assert {job.priority for job in jobs} == {Priority.LOW}
    assert len(shop.thumbnails) == 4


def test_the_markers_of_folders_are_no_photos(shop):
    shop.photo("2026_$folder$", b"")
    shop.photo("2026/a.jpg")

    found = reconciled(shop, passed)

    assert (found.listed, found.missing) == (2, 1)
    assert [source.rpartition("/")[2] for source in shop.rendered] == ["a.jpg"]


def test_a_second_pass_finds_nothing_to_do(shop):
    for number in range(5):
        shop.photo(f"{number}.jpg")

    async def scenario(queue):
        await passed(queue)
        return await passed(queue)

    found = reconciled(shop, scenario)

    assert (found.listed, found.missing, found.stale, found.deleted, found.orphaned) == (10, 0, 0, 0, 0)
    assert len(shop.rendered) == 5


def test_photos_that_changed_are_rendered_anew_and_the_old_thumbnails_deleted(shop):
    shop.photo("a.jpg")

    async def scenario(queue):
        await passed(queue)
        before = shop.thumbnails
        shop.photo("a.jpg", b"another", at=LONG_AGO + 5)
        found = await passed(queue)
        await eventually(lambda: _are_gone(before))
        return found

    found = reconciled(shop, scenario)

    assert (found.missing, found.stale) == (0, 1)
    assert len(shop.thumbnails) == 1


async def _are_gone(paths) -> bool:
    return not any(path.exists() for path in paths)


def test_photos_that_are_no_longer_there_lose_their_thumbnails(shop):
    gone, stays = shop.photo("gone.jpg"), shop.photo("stays.jpg")

    async def scenario(queue):
        await passed(queue)
        jobs = await queue.verbs.jobs(Selection(), after=None, limit=9)
        (of_gone,) = [job for job in jobs if job.source.endswith("gone.jpg")]
        gone.unlink()
        found = await passed(queue)
        await eventually(lambda: _count(shop, 1))
        return found, await queue.verbs.photo(of_gone.photo_id)

    found, photo = reconciled(shop, scenario)

    assert (found.missing, found.deleted) == (0, 1)
    assert (photo.renditions, photo.deleted_at is None) == ((), False)
    assert stays.exists()


def test_a_folder_that_is_missing_as_a_whole_costs_no_photo_its_thumbnails(shop):
    shop.photo("a.jpg")

    async def scenario(queue):
        await passed(queue)
        shop.photos.rename(shop.photos.with_name("unmounted"))
        return await passed(queue)

    found = reconciled(shop, scenario)

    assert found.deleted == 0
    assert len(shop.thumbnails) == 1


async def _count(shop, number) -> bool:
    return len(shop.thumbnails) == number


def test_a_photo_that_failed_is_not_tried_every_day_but_when_it_changes(shop):
    bad = shop.photo("bad.jpg")
    shop.bad.add(f"file://{bad}")

    async def scenario(queue):
        first = await passed(queue)
        second = await passed(queue)
        shop.bad.clear()
        shop.photo("bad.jpg", b"good", at=LONG_AGO + 9)
        return first, second, await passed(queue)

    first, second, third = reconciled(shop, scenario)

    assert (first.missing, second.missing + second.stale, third.missing + third.stale) == (1, 0, 1)
    assert len(shop.thumbnails) == 1


def test_thumbnails_that_no_photo_leads_to_are_deleted_and_nothing_else_is(shop):
    key = "thumbnails/ab/" + "0" * 30 + "/thumbnail.jpg"
    for name in (key, "thumbnails/read me.txt", "thumbnails/ab/notes.jpg", "elsewhere/x.jpg"):
        shop.store.put(name, b"x", "image/jpeg")
        os.utime(shop.store.root / name, (LONG_AGO, LONG_AGO))

    async def scenario(queue):
        found = await passed(queue)
        await eventually(lambda: _are_gone([shop.store.root / key]))
        return found

    found = reconciled(shop, scenario)

    assert found.orphaned == 1
    assert {path.name for path in shop.thumbnails} == {"read me.txt", "notes.jpg"}
    assert (shop.store.root / "elsewhere/x.jpg").exists()


def test_thumbnails_that_were_lost_are_made_again(shop):
    shop.photo("a.jpg")
    shop.photo("b.jpg")

    async def scenario(queue):
        await passed(queue)
        shop.lose_thumbnails()
        return await passed(queue)

    found = reconciled(shop, scenario)

    assert found.missing == 2
    assert len(shop.thumbnails) == 2


def test_a_thumbnail_that_is_made_while_the_others_are_listed_is_not_taken_for_lost(shop, monkeypatch):
    shop.photo("a.jpg")
    looks = []

    def outdated_at_first(store, *arguments, **options):
        looks.append(store.root.name)
        return iter(()) if looks.count("thumbnails") == 1 else listed(store, *arguments, **options)

    async def scenario(queue):
        await passed(queue)
        monkeypatch.setattr(FileStore, "list", outdated_at_first)
        return await passed(queue)

    listed = FileStore.list
    found = reconciled(shop, scenario)

    assert looks.count("thumbnails") == 2
    assert (found.missing, len(shop.rendered)) == (0, 1)


def test_a_folder_of_thumbnails_that_is_missing_as_a_whole_costs_no_work(shop):
    shop.photo("a.jpg")

    async def scenario(queue):
        await passed(queue)
        shop.store.root.rename(shop.store.root.with_name("unmounted"))
        return await passed(queue)

    found = reconciled(shop, scenario)

    assert found.missing == 0
    assert len(shop.rendered) == 1


def test_lost_thumbnails_are_asked_for_by_the_page_and_no_more_of_them_than_there_is_room_for(shop, monkeypatch):
    for number in range(35):
        shop.photo(f"{number:02}.jpg")
    enqueue = Intake.enqueue
    pages, refusals = [], []

    def counting(self, changes, *, now):
        pages.append(len(changes))
        return enqueue(self, changes, now=now)

    def full_after_two_pages(_admission):
        if len(pages) == 2 and not refusals:
            refusals.append(list(pages))
            raise Overloaded("full")

    async def scenario(queue):
        await passed(queue)
        shop.lose_thumbnails()
        await queue.verbs.pause()  # no photo is looked for while there is none
        shop.photos.rename(shop.photos.with_name("unmounted"))  # its photos are not compared, so all jobs are of these
        monkeypatch.setattr(Intake, "enqueue", counting)
        monkeypatch.setattr(Admission, "check", full_after_two_pages)
        await queue.verbs.reconcile()
        await eventually(lambda: _is_full(refusals))
        shop.photos.with_name("unmounted").rename(shop.photos)
        await queue.verbs.resume()
        return await passed(queue)

    found = reconciled(shop, scenario, keys_a_page=10, collect_rest_seconds=60)  # the collector is refused, too

    assert (refusals, pages) == ([[10, 10]], [10, 10, 10, 5])
    assert found.missing == 35
    assert len(shop.thumbnails) == 35


async def _is_full(refusals) -> bool:
    return bool(refusals)


def test_what_is_new_has_time(shop, tmp_path):
    shop.photo("new.jpg", at=time.time())
    key = "thumbnails/ab/" + "0" * 30 + "/thumbnail.jpg"
    shop.store.put(key, b"x", "image/jpeg")

    found = reconciled(shop, passed)

    assert (found.listed, found.missing, found.orphaned) == (2, 0, 0)
    assert shop.rendered == []
    assert (shop.store.root / key).exists()


def test_photos_elsewhere_are_not_touched(shop, tmp_path):
    elsewhere = tmp_path / "elsewhere.jpg"
    elsewhere.write_bytes(b"photo")

    async def scenario(queue):
        source = f"file://{elsewhere}"
        await queue.verbs.enqueue([JobRequest(job_id="j", photo_id="p", source=source, priority=Priority.NORMAL)])
        await eventually(lambda: _succeeded(queue))
        elsewhere.unlink()
        found = await passed(queue)
        return found, await queue.verbs.photo("p")

    found, photo = reconciled(shop, scenario)

    assert found.deleted == 0
    assert len(photo.renditions) == 1


async def _succeeded(queue) -> bool:
    return (await queue.verbs.job("j")).job.state is State.SUCCEEDED


def test_more_than_a_page_is_gone_through_and_a_broken_pass_goes_on_where_it_was(shop, monkeypatch):
    for number in range(35):
        shop.photo(f"{number:02}.jpg")
    listing = FileStore.list
    asked = []

    def breaking(self, prefix="", *, after=""):
        asked.append(after)
        for number, stat in enumerate(listing(self, prefix, after=after)):
            if len(asked) == 1 and number == 25:
                raise OSError("the store is gone")
            yield stat

    monkeypatch.setattr(FileStore, "list", breaking)

    async def scenario(queue):
        await queue.verbs.reconcile()
        await eventually(lambda: _has_broken(queue))
        return await passed(queue)

    found = reconciled(shop, scenario, keys_a_page=10)

    assert asked[:2] == ["", "19.jpg"]
    assert found.missing == 35
    assert len(shop.thumbnails) == 35


async def _has_broken(queue) -> bool:
    return (await queue.verbs.reconciliation()).cursor == "19.jpg"


def test_before_the_first_there_is_none(shop):
    async def scenario(queue):
        with pytest.raises(NotReconciled):
            await queue.verbs.reconciliation()

    reconciled(shop, scenario)


def test_on_its_timer_it_comes_by_itself(configured, tmp_path):
    shop = Shop(configured, tmp_path)
    shop.settings = shop.settings.model_copy(update={"reconcile_every_seconds": 3600})
    shop.photo("a.jpg")

    async def scenario(queue):
        await eventually(lambda: _count(shop, 1))

    reconciled(shop, scenario)

    assert len(shop.rendered) == 1
