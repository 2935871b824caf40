"""Backfills, for programs with an event loop."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from raythumbs.client import calls
from raythumbs.client.calls import Call, Json
from raythumbs.client.refusals import Refused, Unreachable
from raythumbs.client.waiting import Patience

T = TypeVar("T")


class AsyncBackfills:
    """The part of AsyncClient about photos that are there already. `_send` is the client's."""

    async def _send(self, call: Call[T]) -> T:
        raise NotImplementedError

    async def upload_low(self, files: Sequence[tuple[str, Path]], *, folder_id: str) -> list[Json]:
        """Upload files with these names in one request, at LOW priority."""
        names, photos = [name for name, _ in files], [photo for _, photo in files]
        return await self._send(calls.upload_low(names, photos, folder_id))

    async def photos_of_folder(self, folder_id: str) -> AsyncIterator[Json]:
        """Yield every photo of a folder, the newest first, page by page."""
        cursor: str | None = None
        while True:
            page = await self._send(calls.photos_of_folder(folder_id, cursor))
            for photo in page["photos"]:
                yield photo
            cursor = page["nextCursor"]
            if cursor is None:
                return

    async def begin_backfill(self, source: str, **options: Any) -> Json:  # noqa: ANN401 as the manual names them
        """Enqueue the photos below an address. The options are `glob`, `since`, `limit`, `dryRun` and `prune`."""
        return await self._send(calls.begin_backfill(source, options))

    async def backfills(self) -> list[Json]:
        """Return the newest backfills, the newest first."""
        return await self._send(calls.backfills())

    async def backfill(self, backfill_id: str) -> Json:
        """Return a backfill."""
        return await self._send(calls.backfill(backfill_id))

    async def move_backfill(self, backfill_id: str, move: str) -> Json:
        """Pause, resume or cancel a backfill."""
        return await self._send(calls.move_backfill(backfill_id, move))

    async def watch_backfill(
        self, backfill_id: str, *, every_seconds: float = 1, patience_seconds: float = 60
    ) -> AsyncIterator[Json]:
        """Yield a backfill now and then, until it has ended. The service may be away for `patience_seconds`."""
        patience = Patience(patience_seconds)
        while True:
            try:
                seen = await self.backfill(backfill_id)
            except (Unreachable, Refused) as error:
                patience.bear(error)
            else:
                patience.heard()
                yield seen
                if seen["endedAt"] is not None:
                    return
            await asyncio.sleep(every_seconds)

    async def exported_photos(self) -> AsyncIterator[list[Json]]:
        """Yield every photo with its thumbnails, also those that were deleted, in pages."""
        cursor: str | None = ""
        while cursor is not None:
            page = await self._send(calls.export(cursor))
            yield page["photos"]
            cursor = page["nextCursor"]
