"""Unpacks the data of a PNG: by `isal`, in half of zlib's time, or by zlib where `isal` is not installed."""

import zlib
from importlib.util import find_spec
from typing import Any, Protocol

HAS_FAST = find_spec("isal") is not None

if HAS_FAST:
    from isal import isal_zlib

    unpacker: Any = isal_zlib
else:
    unpacker = zlib

ERRORS: tuple[type[Exception], ...] = (zlib.error, unpacker.error)


class Unpacking(Protocol):
    """One stream (RFC 1950), of which at most so many bytes are unpacked at a time; see `zlib.decompressobj`."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended, and its checksum is right."""

    @property
    def unused_data(self) -> bytes:
        """What was behind the end."""

    @property
    def unconsumed_tail(self) -> bytes:
        """What was given, and is not unpacked yet."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Return unpacked bytes. Raises one of ERRORS for a broken stream."""


def new_unpacking() -> Unpacking:
    """Begin a stream."""
    made: Unpacking = unpacker.decompressobj()
    return made
