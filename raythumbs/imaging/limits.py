"""How much memory one picture may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bytes of memory for one picture and its renditions: in this process, and in another one that has more.

    A picture that needs more than `decode_bytes` and at most `elsewhere_bytes` raises NeedsMemory. By default there is
    no other process.
    """

    decode_bytes: int = 1 << 30
    elsewhere_bytes: int = 0
