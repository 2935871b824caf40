"""An object on its way from a store into memory with a descriptor (memfd), which can be handed on without a copy."""

import os
import time
from types import TracebackType
from typing import Self

from raythumbs.errors import StoreUnavailable, TooLarge
from raythumbs.storage.base import Fetched
from raythumbs.storage.buffers import Buffer, BufferFile, Buffers

_buffers = Buffers()  # of this process


class Arrival:
    """Receives one object. Used in a `with` statement, it keeps nothing of an object that did not arrive.

    Raises TooLarge for an object that is, and StoreUnavailable for one that is not as announced or takes too long.
    """

    def __init__(self, shown: str, *, max_bytes: int, seconds: float) -> None:
        self._shown = shown
        self._max_bytes = max_bytes
        self._until = time.monotonic() + seconds
        self._buffer: Buffer | None = None
        self._room = memoryview(b"")
        self._filled = 0
        self._etag = ""

    def begin(self, size_bytes: int | None, etag: str) -> None:
        """Make room for an object of this size. S3 always tells size and ETag, but a proxy may drop them."""
        if size_bytes is None or not etag:
            raise StoreUnavailable(f"{self._shown}: the store's answer lacks the size or the ETag")
        if size_bytes > self._max_bytes:
            raise TooLarge(f"{self._shown} has {size_bytes} bytes; at most {self._max_bytes} are read")
        self._buffer = _buffers.take(max(size_bytes, 1))
        self._room = self._buffer.view()[:size_bytes]
        self._etag = etag

    def add(self, data: bytes) -> None:
        """Add the next bytes."""
        end = self._filled + len(data)
        if end > len(self._room):
            raise StoreUnavailable(f"{self._shown} has more bytes than the {len(self._room)} that were announced")
        if time.monotonic() > self._until:
            raise StoreUnavailable(f"{self._shown} took too long to read")
        self._room[self._filled : end] = data
        self._filled = end

    def fetched(self) -> Fetched:
        """Return the object, which must be whole."""
        if self._buffer is None or self._filled < len(self._room):
            raise StoreUnavailable(f"{self._shown} ended after {self._filled} of {len(self._room)} bytes")
        self._room.release()
        if not self._filled:
            os.ftruncate(self._buffer.descriptor, 0)
        file = BufferFile(_buffers, self._buffer)
        self._buffer = None
        return Fetched(file, self._filled, version_of(self._etag))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._buffer:
            self._room.release()
            _buffers.give_back(self._buffer)


def version_of(etag: str) -> str:
    """Return an object's version: its ETag, which events, heads and listings all have. Listings have no version ids."""
    return etag.strip('"')
