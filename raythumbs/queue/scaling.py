"""Scaling: how many slots the backlog asks the autoscaler for."""

import math
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from raythumbs.events import emit
from raythumbs.queue.slots import Slots

_CLEARED_SECONDS = 60  # of work for each slot: enough to be worth the start of a node
_REFUSED_SECONDS = 600  # how long a refusal counts: the cluster's limit may have been raised

WorkWaiting = Callable[[float], Awaitable[float]]  # seconds of work that wait, counted up to the given number


class Autoscaler(Protocol):
    """What adds and removes nodes; see `cluster/autoscaler.py`."""

    async def is_there(self) -> bool:
        """Return whether this cluster has one."""

    async def ask(self, slots: int, *, declared: bool) -> int | None:
        """Ask for so many slots in all; this replaces the last request. `declared`: in the resource that nodes declare.

        Return how many slots of the last request it cannot provide, if it says so."""


class Scaling:
    """Asks, in each iteration, for the slots that would clear the backlog in a minute, up to `most`.

    When nothing waits it takes the request back, because requested nodes stay even when they idle."""

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
        self._asked: int | None = None  # unknown: a queue that was killed may have left a request
        self._refused: float = math.inf
        self._believed_until = -math.inf

    async def run_once(self) -> None:
        """Ask again, or take the request back."""
        if not await self._autoscaler.is_there():
            return
        wanted = await self._wanted()
        if wanted or self._asked != 0:
            await self._ask(self._within_reach(wanted))

    async def end(self) -> None:
        """Take the request back."""
        if self._asked != 0 and await self._autoscaler.is_there():
            await self._ask(0)

    async def _wanted(self) -> int:
        seconds = await self._work_waiting(self._most * _CLEARED_SECONDS)
        return min(self._most, math.ceil(seconds / _CLEARED_SECONDS))

    def _within_reach(self, wanted: int) -> int:
        """Return how many slots to ask for. Ray's autoscaler adds nothing if it cannot add everything, so a refused
        number is approached from the present slots, halving the distance each time."""
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
