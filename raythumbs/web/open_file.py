"""A response of a file that is open already."""

import os
from collections.abc import Mapping
from typing import BinaryIO

from starlette.types import Receive, Scope, Send

from raythumbs.web.conditional import ConditionalFileResponse


class OpenFileResponse(ConditionalFileResponse):
    """Serves an open file, its ranges too, and closes it.

    Starlette opens a path, and here that is the descriptor's own (proc(5), /proc/pid/fd). It leads to the file that is
    open, whatever has the file's name now.
    """

    def __init__(self, file: BinaryIO, content_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(
            f"/proc/self/fd/{file.fileno()}",
            headers=headers,
            media_type=content_type,
            stat_result=os.fstat(file.fileno()),
        )
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, then close it."""
        with self._file:
            await super().__call__(scope, receive, send)
