"""Folders over HTTP: as they are, and as a stream of changes."""

import asyncio
import json
from contextlib import asynccontextmanager
from urllib.parse import quote

import httpx2
import pytest

from tests.web.bucket_events import event_of
from tests.web.listening import listening_app


async def notified(service, *keys):
    for key in keys:
        reply = await service.http.post(
            "/api/notifications/s3", content=event_of(key), headers={"Content-Type": "application/json"}
        )
        assert reply.json()["accepted"] == 1, reply.text


@asynccontextmanager
async def stream_of(service, path, **headers):
    """Open a stream over a real connection; give the reply, whose lines can be read."""
    async with (
        listening_app(service.http._transport.app) as address,
        httpx2.AsyncClient(base_url=address, timeout=20) as http,
        http.stream("GET", path, headers=headers) as reply,
    ):
        yield reply


async def events_of(reply):
    """Return the events of a stream, each as its name, its figures and its id."""
    events, fields = [], {}
    async for line in reply.aiter_lines():
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
        elif "event" in fields:
            events.append((fields["event"], json.loads(fields["data"]), fields["id"]))
            fields = {}
    return events


def test_an_album_is_ready_when_its_last_photo_is(served, photo):
    async def scenario(service):
        uploaded = (await service.upload(("a", photo), ("b", photo), ("c", b"no photo"), folder_id="album")).json()
        for one in uploaded["uploads"]:
            await service.ended(one["jobId"])
        return (await service.http.get("/api/folders/album")).json()

    folder = served(scenario)

    assert folder.pop("doneAt").endswith("Z")
    assert folder == {"folderId": "album", "total": 3, "waiting": 0, "succeeded": 2, "failed": 1, "cancelled": 0}


@pytest.mark.parametrize(
    ("depth", "folders"),
    [(None, {"users/7/2026": 2, "users/8": 1}), (1, {"users": 3}), (2, {"users/7": 2, "users/8": 1}), (0, {})],
)
def test_a_photo_of_an_event_is_in_the_folder_of_its_key(served, depth, folders):
    async def scenario(service):
        await notified(service, "users/7/2026/a.jpg", "users/7/2026/b.jpg", "users/8/c.jpg", "d.jpg")
        jobs = (await service.http.get("/api/jobs")).json()["jobs"]
        totals = {
            folder: (await service.http.get(f"/api/folders/{quote(folder, safe=safe)}")).json()["total"]
            for safe in ("", "/")
            for folder in folders
        }
        return {job["folderId"] for job in jobs}, totals

    named, totals = served(scenario, folder_depth=depth)

    assert named == {*folders, None}
    assert totals == folders


def test_a_folder_whose_name_ends_like_the_stream_is_told_by_its_escapes(served):
    async def scenario(service):
        await notified(service, "my/events/a.jpg")
        return (await service.http.get("/api/folders/my%2Fevents")).json()

    assert served(scenario)["total"] == 1


@pytest.mark.parametrize("path", ["/api/folders/" + "x" * 1025, "/api/folders/%00", "/api/folders/%00/events"])
def test_the_name_of_no_folder_is_refused(served, path):
    async def scenario(service):
        return await service.http.get(path)

    reply = served(scenario)

    assert (reply.status_code, reply.json()["code"]) == (422, "unstorable")


def test_a_stream_tells_the_folder_each_change_and_its_end(served, photo):
    async def scenario(service):
        (bad,) = (await service.upload(("a.jpg", b"no photo"), folder_id="album")).json()["uploads"]
        await service.ended(bad["jobId"])
        async with stream_of(service, "/api/folders/album/events?photos=2") as reply:
            reading = asyncio.create_task(events_of(reply))
            await service.upload(("b.jpg", photo), folder_id="album")
            return reply, await reading

    reply, events = served(scenario)

    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.headers["cache-control"] == "no-store"
    names = [name for name, _, _ in events]
    assert (names[0], names[-1], set(names[:-1])) == ("folder", "done", {"folder"})
    assert (events[0][1]["total"], events[0][1]["failed"]) == (1, 1)
    assert (events[-1][1]["succeeded"], events[-1][1]["waiting"], events[-1][2]) == (1, 0, "done")


def test_a_browser_that_comes_back_after_the_end_is_told_to_stay_away(served, photo):
    async def scenario(service):
        (one,) = (await service.upload(("a.jpg", photo), folder_id="album")).json()["uploads"]
        await service.ended(one["jobId"])
        again = await service.http.get("/api/folders/album/events", headers={"Last-Event-ID": "done"})
        first = await service.http.get("/api/folders/album/events")
        return again.status_code, again.content, first.text

    status, content, first = served(scenario)

    assert (status, content) == (204, b"")
    assert "event: done\n" in first


def test_one_client_may_keep_so_many_streams_open_and_a_stream_that_ends_frees_its_place(served):
    async def scenario(service):
        path = "/api/folders/album/events"
        outside = {"X-Forwarded-For": "203.0.113.7"}
        async with (
            listening_app(service.http._transport.app) as address,
            httpx2.AsyncClient(base_url=address, timeout=20, headers=outside) as http,
        ):
            async with http.stream("GET", path), http.stream("GET", path):
                refused = await http.get(path)
                async with http.stream("GET", path, headers={"X-Forwarded-For": "203.0.113.8"}) as other:
                    too_many = await http.get(path, headers={"X-Forwarded-For": "203.0.113.9"})
            async with asyncio.timeout(10):
                while (await _status_of_stream(http, path)) != 200:
                    await asyncio.sleep(0.02)
            async with asyncio.timeout(10):
                while service.http._transport.app.state.folder_watch.watched:
                    await asyncio.sleep(0.02)
            return refused, other.status_code, too_many

    refused, other, too_many = served(scenario, max_streams_per_client=2, max_streams=3)

    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (
        429,
        "too_many_streams",
        "5",
    )
    assert other == 200
    assert (too_many.status_code, too_many.json()["code"]) == (503, "overloaded")


async def _status_of_stream(http, path) -> int:
    async with http.stream("GET", path) as reply:
        return reply.status_code
