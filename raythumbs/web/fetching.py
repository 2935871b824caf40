"""Fetches small files of a sender's own servers: certificates and keys."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING

from raythumbs.errors import SenderUnavailable

if TYPE_CHECKING:
    import httpx2

Fetch = Callable[[str], Awaitable[bytes | None]]

_SECONDS = 5.0
_AT_ONCE = 8
_MOST_BYTES = 64 * 1024
_ABSENT = {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}


class Fetcher:
    """Fetches files with one client, because making one reads all certificates of authorities. It is never closed: no
    connection stays open after its answer.
    """

    async def __call__(self, url: str) -> bytes | None:
        """Return the file at an address, or None if the server says that there is none. Redirects are not followed.

        Raises SenderUnavailable if the server does not answer within five seconds, or with more than 64 KiB.
        """
        import httpx2  # 2 MB in each process, and few services need it

        try:
            async with asyncio.timeout(_SECONDS), self._client.stream("GET", url) as reply:
                if reply.status_code in _ABSENT:
                    return None
                if reply.status_code != HTTPStatus.OK:
                    raise SenderUnavailable(f"{url} answered {reply.status_code}")
                return await _bounded(reply.aiter_raw(), url)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
            raise SenderUnavailable(f"{url} cannot be fetched ({type(error).__name__})") from error

    @cached_property
    def _client(self) -> "httpx2.AsyncClient":
        import httpx2  # as above

        limits = httpx2.Limits(max_connections=_AT_ONCE, max_keepalive_connections=0)
        return httpx2.AsyncClient(timeout=_SECONDS, limits=limits, headers={"Accept-Encoding": "identity"})


async def _bounded(pieces: AsyncIterator[bytes], url: str) -> bytes:
    content = bytearray()
    async for piece in pieces:
        content += piece
        if len(content) > _MOST_BYTES:
            raise SenderUnavailable(f"{url} has more than {_MOST_BYTES} bytes")
    return bytes(content)
