"""Whether the stores answer. Load balancers ask several times a second; a silent store is asked only once."""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from raythumbs.errors import StoreUnavailable
from raythumbs.storage.base import Store

_ANSWER_SECONDS = 10.0  # less than the time limit of QueueHandle


class StoreCheck:
    """Asks the stores in a thread of its own; callers that arrive meanwhile share the answer."""

    def __init__(self, stores: Callable[[], Iterable[Store]], *, answer_seconds: float = _ANSWER_SECONDS) -> None:
        self._stores = stores
        self._answer_seconds = answer_seconds
        self._thread = ThreadPoolExecutor(1, "check")
        self._asked: asyncio.Future[None] | None = None

    async def __call__(self) -> None:
        """Return if all stores answer, else raise the reason."""
        if self._asked is None or self._asked.done():
            self._asked = asyncio.get_running_loop().run_in_executor(self._thread, self._ask)
            self._asked.add_done_callback(lambda asked: asked.exception())  # all callers may have left
        try:
            async with asyncio.timeout(self._answer_seconds):
                await asyncio.shield(self._asked)
        except TimeoutError as error:
            raise StoreUnavailable(f"no store answered within {self._answer_seconds:.0f} s") from error

    def _ask(self) -> None:
        for store in self._stores():
            store.check()
