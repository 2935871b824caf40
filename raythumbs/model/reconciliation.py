"""Reconciliation: one pass over the stores, and what it found that the record did not know."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How many objects were listed; how many photos had no renditions, had those of another version, or were no longer
    there; how many renditions nothing led to."""

    listed: int = 0
    missing: int = 0
    stale: int = 0
    deleted: int = 0
    orphaned: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """The last pass, or the one that runs: where it is (the key `cursor` below the address `place`), what it found.

    Times are UTC, in seconds since 1970; `finished_at` is None while it runs.
    """

    began_at: float
    finished_at: float | None
    place: str
    cursor: str
    found: Found


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPhoto:
    """An object in a watched place. `settled`: it is not so new that its event may still be on its way."""

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
