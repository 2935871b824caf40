"""Folders as a program sees them, through the proxy."""

from contextlib import ExitStack

import httpx2

from raythumbs.client import Client
from tests.service.conftest import eventually

ELSEWHERE = {"X-Forwarded-For": "203.0.113.7"}  # this machine is a trusted proxy
STREAM = "/api/folders/nothing%20yet/events"


def test_a_program_waits_until_all_photos_of_its_folder_are_done(service, photographs, tmp_path):
    (tmp_path / "no photo.jpg").write_bytes(b"no photo")
    good = [photographs["cat"], photographs["coffee"], photographs["flower"]]
    service.upload([*good, tmp_path / "no photo.jpg"], folder_id="albums/7")

    seen = list(service.watch_folder("albums/7", photos=4))

    last = seen[-1]
    assert (last["total"], last["waiting"], last["succeeded"], last["failed"]) == (4, 0, 3, 1)
    assert last == service.folder("albums/7") == service.wait_folder("albums/7")


def test_streams_of_one_client_are_bounded_and_freed_when_it_leaves(service):
    with ExitStack() as streams:
        opened = [status_of(service, streams) for _ in range(21)]

    assert opened == [200] * 20 + [429]
    eventually(lambda: again(service) == 200)


def status_of(service: Client, streams: ExitStack) -> int:
    http = streams.enter_context(httpx2.Client(base_url=service.url))
    return streams.enter_context(http.stream("GET", STREAM, headers=ELSEWHERE)).status_code


def again(service: Client) -> int:
    with ExitStack() as streams:
        return status_of(service, streams)
