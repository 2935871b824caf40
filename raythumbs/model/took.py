"""Took: how long each stage of an attempt took. It travels with the report, so it has no slots; see lease.py."""

from collections.abc import Iterator
from dataclasses import dataclass

STAGES = ("fetch", "decode", "encode", "store")


@dataclass(frozen=True)
class Stage:
    """When a stage began (UTC seconds, by the worker's clock), and how many seconds it took."""

    began_at: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Took:
    """The stages that an attempt has completed, and the bytes that it fetched and stored.

    `decode` goes from the file to upright pixels in sRGB, `encode` from there to the files of all renditions.
    """

    fetch: Stage | None = None
    decode: Stage | None = None
    encode: Stage | None = None
    store: Stage | None = None
    fetched_bytes: int = 0
    stored_bytes: int = 0

    def stages(self) -> Iterator[tuple[str, Stage]]:
        """Yield the name and the stage of each stage that was completed, in their order."""
        for name in STAGES:
            stage: Stage | None = getattr(self, name)
            if stage is not None:
                yield name, stage


NOTHING = Took()
