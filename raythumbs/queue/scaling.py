"""How many slots the backlog wants of a cluster that can grow."""

import math
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from raythumbs.events import emit
from raythumbs.queue.slots import Slots

_CLEARED_SECONDS = 60  # of work for each slot: as much as is worth the start of a node
_REFUSED_SECONDS = 600  # how long a refusal is believed: somebody may have allowed the cluster more nodes

WorkWaiting = Callable[[float], Awaitable[float]]  # seconds of work that wait; no need to count more than so many


class Autoscaler(Protocol):
    """What makes nodes come and go; see `autoscaler.py`."""

    async def is_there(self) -> bool:
        """Return whether this cluster has one."""

    async def ask(self, slots: int, *, declared: bool) -> int | None:
        """Ask that the cluster has so many slots in all, instead of what was asked before; `declared`: as the resource
        that nodes declare. Returns what it says it could not reach, of what it was asked before, if it says so."""


class Scaling:
    """One turn asks for the slots that would clear the backlog in a minute, up to `most`. When nothing waits it takes
    that back: nodes that are asked for stay, even idle."""

    def __init__(
        self,
        work_waiting: WorkWaiting,
        slots: Slots,
        autoscaler: Autoscaler,
        *,
        most: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._work_waiting = work_waiting
        self._slots = slots
        self._autoscaler = autoscaler
        self._most = most
        self._clock = clock
        self._asked: int | None = None  # unknown: a queue that was killed may have left its request behind
        self._refused: float = math.inf
        self._believed_until = -math.inf

    async def turn(self) -> None:
        """Ask again, or take back what was asked."""
        if not await self._autoscaler.is_there():
            return
        wanted = await self._wanted()
        if wanted or self._asked != 0:
            await self._ask(self._within_reach(wanted))

    async def end(self) -> None:
        """Take back what was asked."""
        if self._asked != 0 and await self._autoscaler.is_there():
            await self._ask(0)

    async def _wanted(self) -> int:
        seconds = await self._work_waiting(self._most * _CLEARED_SECONDS)
        return min(self._most, math.ceil(seconds / _CLEARED_SECONDS))

    def _within_reach(self, wanted: int) -> int:
        """Return what to ask for. Where Ray's autoscaler cannot do all of it, it does nothing: what it refused is
        approached from the slots there are, by halves."""
        if self._slots.total_of_all >= self._refused or self._clock() >= self._believed_until:
            self._refused = math.inf
        if wanted < self._refused:
            return wanted
        return int(self._slots.total_of_all + self._refused) // 2

    async def _ask(self, slots: int) -> None:
        refused = await self._autoscaler.ask(slots, declared=self._slots.are_declared)
        if slots != self._asked:
            emit("slots.asked", slots=slots, total=self._slots.total_of_all, refused=refused)
        self._asked = slots
        if refused is not None and refused <= self._refused:
            self._refused, self._believed_until = refused, self._clock() + _REFUSED_SECONDS
