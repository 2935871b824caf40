"""Shared answers: callers that ask for the same at one time share one call."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Shared(Generic[K, T]):
    """Callers that arrive during a call share its answer, and so do those of the next `seconds`.

    An error goes to all who wait for it, and is not kept.
    """

    def __init__(self, ask: Callable[[K], Coroutine[Any, Any, T]], *, seconds: float = 0) -> None:
        self._ask = ask
        self._seconds = seconds
        self._asked: dict[K, asyncio.Task[T]] = {}

    async def __call__(self, key: K) -> T:
        """Return the answer for this key. A caller that stops waiting does not affect the others."""
        asked = self._asked.get(key)
        if asked is None or asked.get_loop() is not asyncio.get_running_loop():  # an old loop's timers never fire
            asked = self._asked[key] = asyncio.create_task(self._ask(key))
            asked.add_done_callback(partial(self._answered, key))
        return await asyncio.shield(asked)

    def _answered(self, key: K, asked: "asyncio.Task[T]") -> None:
        if asked.cancelled() or asked.exception() or not self._seconds:
            self._forget(key, asked)
        else:
            asked.get_loop().call_later(self._seconds, self._forget, key, asked)

    def _forget(self, key: K, asked: "asyncio.Task[T]") -> None:
        if self._asked.get(key) is asked:
            del self._asked[key]
