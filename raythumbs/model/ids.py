"""Ids that sort by the time when they were made."""

import uuid
from collections.abc import Callable
from os import urandom


def new_id(*, now: float, random: Callable[[int], bytes] = urandom) -> str:
    """Return a UUID version 7 (RFC 9562, section 5.7): 48 bits of milliseconds, then 74 random bits."""
    raw = bytearray(int(now * 1000).to_bytes(6, "big") + random(10))
    raw[6] = raw[6] & 0x0F | 0x70
    raw[8] = raw[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(raw)))
