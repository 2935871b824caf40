"""Watches folders for the streams of clients. All streams of a folder share one poll of the queue."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field

from raythumbs.events import known
from raythumbs.model.folder import Folder

POLL_SECONDS = 0.5
HEARTBEAT_SECONDS = 15.0
_POLLS_AT_ONCE = 2
STREAM_SECONDS = 300.0  # proxies drop what lasts much longer; the figures of a link do not last for ever either
_LARGEST_SHARE = 20  # a folder that takes long to count is asked for so much less often
_LONGEST_PAUSE_SECONDS = 5.0

Ask = Callable[[str], Awaitable[Folder]]


@dataclass(slots=True, eq=False)
class _Watched:
    """A folder, how many streams watch it, and what was seen last. `changed` is set once it is outdated."""

    last: Folder
    poll: "asyncio.Task[None] | None" = None
    streams: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def see(self, seen: Folder) -> None:
        """Wake the streams if a figure has changed."""
        if seen != self.last:
            self.last = seen
            self.wake()

    def wake(self) -> None:
        """Have the streams look again."""
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


class FolderWatch:
    """Asks for each watched folder again and again, and wakes its streams when a figure has changed."""

    def __init__(
        self,
        ask: Ask,
        *,
        poll_seconds: float = POLL_SECONDS,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        stream_seconds: float = STREAM_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._poll_seconds = poll_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._stream_seconds = stream_seconds
        self._now = now
        self._has_ended = False
        self._folders: dict[str, _Watched] = {}
        self._polls_at_once = asyncio.Semaphore(_POLLS_AT_ONCE)

    async def changes(self, folder_id: str, first: Folder) -> AsyncGenerator[Folder | None, None]:
        """Yield `first`, the folder as it is, then each change. Yield None when there was none for a while.

        It ends after `stream_seconds`, or when the watch ends; clients come back. A stream must be closed, so that a
        folder without streams is no longer asked for.
        """
        ends_at = self._now() + self._stream_seconds
        watched = self._join(folder_id, first)
        seen = first
        try:
            yield seen
            while not self._has_ended and (left_seconds := ends_at - self._now()) > 0:
                changed = watched.changed
                if watched.last != seen:
                    seen = watched.last
                    yield seen
                elif not await _is_set(changed, seconds=min(self._heartbeat_seconds, left_seconds)):
                    yield None
        finally:
            self._leave(folder_id, watched)

    def end(self) -> None:
        """End all streams, because this process is about to end."""
        self._has_ended = True
        for watched in self._folders.values():
            watched.wake()

    @property
    def watched(self) -> int:
        """How many folders are watched."""
        return len(self._folders)

    def _join(self, folder_id: str, first: Folder) -> _Watched:
        watched = self._folders.setdefault(folder_id, _Watched(last=first))
        watched.streams += 1
        watched.see(first)  # it is newer than what the last look saw
        if watched.poll is None:
            watched.poll = asyncio.create_task(self._poll(folder_id, watched))
        return watched

    def _leave(self, folder_id: str, watched: _Watched) -> None:
        watched.streams -= 1
        if not watched.streams:
            del self._folders[folder_id]
            assert watched.poll  # noqa: S101 `_join` began it
            watched.poll.cancel()

    async def _poll(self, folder_id: str, watched: _Watched) -> None:
        while True:
            async with self._polls_at_once:
                took_seconds = await self._look(folder_id, watched)
            await asyncio.sleep(max(self._poll_seconds, pause_seconds(took_seconds)))

    async def _look(self, folder_id: str, watched: _Watched) -> float:
        """Return how many seconds the folder took to count: none, if it could not be counted."""
        began_at = self._now()
        try:
            watched.see(await self._ask(folder_id))
        except Exception as error:  # noqa: BLE001 the next look may succeed, and heartbeats go on meanwhile
            known("folder.stumbled", error, folder_id=folder_id)
            return 0.0
        return self._now() - began_at


def pause_seconds(took_seconds: float) -> float:
    """Return how long a folder that took so long to count is left alone."""
    return min(_LARGEST_SHARE * took_seconds, _LONGEST_PAUSE_SECONDS)


async def _is_set(event: asyncio.Event, *, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
