"""Thumbnails are served from the file that was opened, whatever its path leads to by then."""

import asyncio
import os
from io import FileIO
from pathlib import Path

import httpx2
import pytest
from starlette.types import Message, Receive, Scope, Send

from raythumbs.web.open_file import OpenFileResponse

DATA = bytes(range(256)) * 1000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    path.write_bytes(DATA)
    (tmp_path / "secret").write_bytes(b"secret")
    return path


class Swapping:
    """An application that opens a file, has its path lead to a secret, and then serves it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: FileIO | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.file = FileIO(self.path)
        response = OpenFileResponse(self.file, "image/jpeg", headers={})
        self.path.unlink()
        self.path.symlink_to(self.path.with_name("secret"))
        await response(scope, receive, send)


def answered(app: Swapping, method: str = "GET", **headers: str) -> httpx2.Response:
    async def ask() -> httpx2.Response:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://here") as http:
            return await http.request(method, "/", headers={name.replace("_", "-"): it for name, it in headers.items()})

    return asyncio.run(ask())


def test_a_link_that_takes_the_place_of_the_file_is_not_followed(path):
    app = Swapping(path)

    answer = answered(app)

    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["content-length"] == str(len(DATA))
    assert answer.headers["content-type"] == "image/jpeg"
    assert app.file.closed


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("bytes=0-9", 206, DATA[:10]),
        ("bytes=-10", 206, DATA[-10:]),
        ("bytes=70000-200000", 206, DATA[70_000:200_001]),
        ("bytes=999999-", 416, None),
        ("bytes=x", 400, None),
    ],
)
def test_a_range_is_of_the_file_that_was_opened(path, asked, status, content):
    app = Swapping(path)

    answer = answered(app, range=asked)

    assert answer.status_code == status
    assert content is None or answer.content == content
    assert app.file.closed


def test_several_ranges_are_of_the_file_that_was_opened(path):
    answer = answered(Swapping(path), range="bytes=0-3,8-11")

    assert answer.status_code == 206
    assert DATA[:4] in answer.content
    assert DATA[8:12] in answer.content


def test_a_range_counts_only_for_the_version_that_it_was_asked_of(path):
    def written_at(seconds: int) -> Swapping:
        path.unlink()
        path.write_bytes(DATA)
        os.utime(path, (seconds, seconds))
        return Swapping(path)

    tag = answered(written_at(1_700_000_000)).headers["etag"]
    same = answered(written_at(1_700_000_000), range="bytes=0-9", if_range=tag)
    other = answered(written_at(1_700_000_005), range="bytes=0-9", if_range=tag)

    assert (same.status_code, other.status_code) == (206, 200)


def test_the_head_of_a_file_has_its_size_and_the_file_is_closed(path):
    app = Swapping(path)

    answer = answered(app, "HEAD")

    assert (answer.headers["content-length"], answer.content) == (str(len(DATA)), b"")
    assert app.file.closed


def test_the_file_is_closed_when_the_client_leaves(path):
    async def leave(_message: Message) -> None:
        raise OSError("gone")

    app = Swapping(path)
    scope = {"type": "http", "method": "GET", "headers": []}

    with pytest.raises(OSError, match="gone"):
        asyncio.run(app(scope, asyncio.Queue[Message]().get, leave))

    assert app.file.closed
