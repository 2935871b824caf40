"""A response of a file that is open already."""

import os
from collections.abc import Mapping
from mimetypes import guess_type
from typing import BinaryIO

from fastapi.responses import FileResponse
from starlette.types import Receive, Scope, Send


class OpenFileResponse(FileResponse):
    """Serves an open file, its ranges too, and closes it.

    Starlette opens a path, and here that is the descriptor's own (proc(5), /proc/pid/fd). It leads to the file that is
    open, whatever has the file's name now.
    """

    def __init__(self, file: BinaryIO, *, name: str, headers: Mapping[str, str]) -> None:
        super().__init__(
            f"/proc/self/fd/{file.fileno()}",
            headers=headers,
            media_type=guess_type(name)[0] or "application/octet-stream",
            stat_result=os.fstat(file.fileno()),
        )
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, then close it."""
        with self._file:
            await super().__call__(scope, receive, send)
