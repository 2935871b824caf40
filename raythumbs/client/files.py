"""Photos that are uploaded: how they are divided among requests, and read."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from raythumbs.client.refusals import Unreadable

_FILES_A_REQUEST = 200  # all are open at one time
_BYTES_A_REQUEST = 256 << 20  # two photos of the largest size; by default a service accepts 1 GiB


def files_by_request(photos: Sequence[Path]) -> list[Sequence[Path]]:
    """Divide photos among requests. None gets a single photo if there are more: it would get HIGH priority."""
    requests: list[list[Path]] = []
    room = size = 0
    for photo in photos:
        size = _size_bytes(photo)
        if not requests or len(requests[-1]) == _FILES_A_REQUEST or size > room:
            requests.append([])
            room = _BYTES_A_REQUEST
        requests[-1].append(photo)
        room -= size
    if len(requests) > 1 and len(requests[-1]) == 1 and len(requests[-2]) > 2:  # noqa: PLR2004 two photos stay
        requests[-1].insert(0, requests[-2].pop())
    return list(requests)


def sendable(name: str) -> str:
    """Return a file's name with a replacement for each byte that is not UTF-8: the service only shows it."""
    return os.fsencode(name).decode(errors="replace")


def opened(photo: Path) -> BinaryIO:
    """Open a photo, or raise Unreadable."""
    with _readable(photo):
        return photo.open("rb")


def _size_bytes(photo: Path) -> int:
    with _readable(photo):
        return photo.stat().st_size


@contextmanager
def _readable(photo: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unreadable(f"{photo} cannot be read: {error.strerror}") from error
