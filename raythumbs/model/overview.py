"""What there is to see of the whole queue at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass

from raythumbs.model.job import Priority, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Jobs by state; the waiting ones by priority; the age of the longest due one; photos a second, last minute."""

    states: Mapping[State, int]
    backlog: Mapping[Priority, int]
    backlog_age_seconds: float
    photos_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSlots:
    """A node's CPUs, its slots, and how many of these are in use."""

    node: str
    cpus: int
    slots: int
    busy: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The overview of the record; the slots: each node's, those in use, those there are; the photos that are leased;
    the reports, since the queue was started, of attempts that had lost their lease, which changed nothing."""

    overview: Overview
    nodes: tuple[NodeSlots, ...]
    busy: int
    total: int
    running: int
    late_reports: int
    draining: bool
