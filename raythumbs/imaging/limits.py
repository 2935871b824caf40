"""How much memory one picture may take, how much of it may be missing, and which decoders may be used."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bytes of memory for one picture and its renditions: in this process, and in another one that has more.

    A picture that needs more than `decode_bytes` and at most `elsewhere_bytes` raises NeedsMemory. By default there is
    no other process. `missing_rows` is the share of a JPEG's rows, at its end, without which it is still shown.
    `native` is whether raythumbs' own ways to decode JPEG, PNG and HEIC may be used, and not Pillow's alone.
    """

    decode_bytes: int = 1 << 30
    elsewhere_bytes: int = 0
    missing_rows: float = 0.02
    native: bool = True
