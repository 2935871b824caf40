"""After the specs changed: the renditions that photos lack are made, and only these."""

from io import BytesIO

import pytest
from PIL import Image

from raythumbs.model.photo import Format, RenditionSpec
from tests.waits import eventually

THUMBNAIL = RenditionSpec()
TINY = RenditionSpec(name="tiny", width=20, height=20, format=Format.WEBP)
WIDE = RenditionSpec(name="wide", width=60, height=60)


def a_photo(colour: str) -> bytes:
    data = BytesIO()
    Image.new("RGB", (64, 48), colour).save(data, "JPEG")
    return data.getvalue()


async def uploaded(service):
    reply = await service.upload(("a.jpg", a_photo("red")), ("b.jpg", a_photo("blue")))
    return [(await service.ended(one["jobId"]))["photoId"] for one in reply.json()["uploads"]]


async def respecced(service, **given):
    begun = (await service.http.post("/api/backfills", json={"source": "record:"} | given)).json()
    done = {}

    async def is_over() -> bool:
        done.update((await service.http.get(f"/api/backfills/{begun['id']}")).json())
        jobs = (await service.http.get("/api/jobs", params={"limit": 1000})).json()["jobs"]
        return done["endedAt"] and all(job["state"] not in {"queued", "running"} for job in jobs)

    await eventually(is_over)
    return done


async def renditions(service, photo_id) -> set[tuple[str, int]]:
    photo = (await service.http.get(f"/api/photos/{photo_id}")).json()
    return {(one["name"], one["width"]) for one in photo["renditions"]}


def stored(service) -> dict[str, int]:
    """The stored thumbnails, with the times at which they were written."""
    folder = service.settings.data_dir / "store" / "thumbnails"
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def first(served):
    """A service with one spec, and two photos: their ids and what is stored."""

    async def scenario(service):
        return await uploaded(service), stored(service)

    return served(scenario, specs=(THUMBNAIL,))


def test_a_new_spec_adds_a_rendition_and_leaves_the_others_as_they_are(served, first):
    (photo_id, _), before = first

    async def scenario(service):
        done = await respecced(service)
        return done, await renditions(service, photo_id), stored(service)

    done, found, after = served(scenario, specs=(THUMBNAIL, TINY))

    assert (done["state"], done["listed"], done["enqueued"], done["total"]) == ("done", 2, 2, 2)
    assert found == {("thumbnail", 64), ("tiny", 20)}
    assert before.items() <= after.items()
    assert len(after) == 4


def test_a_second_time_there_is_nothing_to_make(served, first):
    async def scenario(service):
        await respecced(service)
        return await respecced(service)

    again = served(scenario, specs=(THUMBNAIL, TINY))

    assert (again["enqueued"], again["skipped"]) == (0, 2)


def test_a_spec_that_changed_replaces_its_rendition(served, first):
    (photo_id, _), _ = first

    async def scenario(service):
        await respecced(service)
        return await renditions(service, photo_id)

    assert served(scenario, specs=(RenditionSpec(width=30, height=30),)) == {("thumbnail", 30)}


def test_renditions_of_a_spec_that_is_gone_stay_until_they_are_pruned(served, first):
    (photo_id, _), _ = first

    async def scenario(service):
        await respecced(service)
        kept = await renditions(service, photo_id)
        pruned = await respecced(service, prune=True)
        return kept, pruned, await renditions(service, photo_id)

    kept, pruned, found = served(scenario, specs=(WIDE, TINY))

    assert kept == {("thumbnail", 64), ("wide", 60), ("tiny", 20)}
    assert (pruned["enqueued"], pruned["skipped"]) == (0, 2)
    assert found == {("wide", 60), ("tiny", 20)}


def test_a_photo_that_was_replaced_meanwhile_keeps_nothing_of_the_old_one(served, first, tmp_path):
    (photo_id, _), before = first

    async def scenario(service):
        photo = (await service.http.get(f"/api/photos/{photo_id}")).json()
        path = service.settings.data_dir / "store" / photo["source"].partition("/store/")[2]
        path.write_bytes(a_photo("green"))  # and no event came
        await respecced(service)
        return await renditions(service, photo_id), stored(service)

    found, after = served(scenario, specs=(THUMBNAIL, TINY))

    assert found == {("thumbnail", 64), ("tiny", 20)}
    assert len({name for name in after if "thumbnail" in name} - set(before)) == 1


def test_respec_as_a_dry_run_changes_nothing(served, first):
    (photo_id, _), before = first

    async def scenario(service):
        done = await respecced(service, dryRun=True, prune=True)
        return done, await renditions(service, photo_id), stored(service)

    done, found, after = served(scenario, specs=(TINY,))

    assert (done["enqueued"], found, after) == (2, {("thumbnail", 64)}, before)
