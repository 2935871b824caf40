"""Fence: one of the kernel's means to confine a process, and whether the kernel gave it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fence:
    """A fence. `detail` says how it is set, or why the kernel refused it."""

    name: str
    given: bool
    detail: str
