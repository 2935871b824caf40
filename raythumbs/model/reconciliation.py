"""Reconciliation: one pass over the stores, and the differences from the record that it found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a pass counted.

    `listed`: objects. `missing`: photos without renditions. `stale`: photos with renditions of another version.
    `deleted`: photos that no longer exist. `orphaned`: renditions that belong to no photo.
    """

    listed: int = 0
    missing: int = 0
    stale: int = 0
    deleted: int = 0
    orphaned: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """The pass that runs, or the last one. It has reached the key `cursor` below the address `place`.

    Times are UTC, in seconds since 1970; `finished_at` is None while it runs.
    """

    began_at: float
    finished_at: float | None
    place: str
    cursor: str
    found: Found


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPhoto:
    """An object in a watched place. `settled`: old enough that its event cannot still be on its way."""

    source: str
    version: str
    size_bytes: int
    settled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPhoto:
    """A photo as the record has it."""

    id: str
    source: str
    version: str | None
    created_at: float
    is_deleted: bool
    is_rendered: bool
    is_in_work: bool
    has_failed: bool
