"""Posts a message to an endpoint, and says what came of it.

The host's name is resolved once for each message, each of its addresses is checked, and the connection goes to one that
was checked: a name that changes its address in between leads nowhere. A connection is used again only for the same
address. Redirects are not followed, and proxies are not used.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx2

from raythumbs import __version__
from raythumbs.webhooks.addresses import is_public

ATTEMPT_SECONDS = 15.0
_REASON_LETTERS = 300
_SHORT_BYTES, _SHORT_SECONDS = 4096, 1.0  # of an answer's body
_RESOLVING_AT_ONCE = 4
_PORTS = {"http": 80, "https": 443}
_BUSY = {
    HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Delivered:
    """The endpoint has the message: it answered 2xx."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The endpoint wants no more messages: it answered 410."""


@dataclass(frozen=True, slots=True)
class NotDelivered:
    """The endpoint did not take the message. `is_down` says that it would take no other now either.

    `retry_after_seconds` is what it asks for.
    """

    reason: str
    is_down: bool = False
    retry_after_seconds: float = 0.0


Answer = Delivered | Gone | NotDelivered
Resolve = Callable[[str, int], Sequence[str]]  # a host and a port; the host's addresses, or OSError. It may block.


def resolved(host: str, port: int) -> list[str]:
    """Return the addresses of a host, in the order in which the system would try them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Inside(Exception):
    """An address that is not of the public internet."""


class Sender:
    """Sends to one endpoint. `may_be_inside` is for a host that the settings allow. Make it in an event loop."""

    def __init__(
        self,
        url: str,
        *,
        may_be_inside: bool,
        resolve: Resolve = resolved,
        trusted: ssl.SSLContext | None = None,
        seconds: float = ATTEMPT_SECONDS,
    ) -> None:
        self._url = url
        self._may_be_inside = may_be_inside
        self._resolve = resolve
        self._seconds = seconds
        # Threads of its own: a name server that does not answer delays nobody else's threads.
        self._threads = ThreadPoolExecutor(_RESOLVING_AT_ONCE, "resolve")
        self._http = httpx2.AsyncClient(
            verify=trusted or True,
            trust_env=False,  # a proxy would resolve the name again
            follow_redirects=False,
            timeout=seconds,
            headers={"user-agent": f"raythumbs/{__version__}", "content-type": "application/json"},
        )

    async def send(self, body: bytes, headers: Mapping[str, str], *, now: float) -> Answer:
        """Post the body. `now` is the time to which a date in Retry-After is compared."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._post(body, headers, now=now)
        except TimeoutError:
            return NotDelivered(f"no answer within {self._seconds:g} s", is_down=True)
        except Inside as error:
            return NotDelivered(str(error))
        except (OSError, UnicodeError) as error:
            return NotDelivered(f"the host is not found: {error}"[:_REASON_LETTERS], is_down=True)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            return NotDelivered(f"{type(error).__name__}: {error}"[:_REASON_LETTERS], is_down=True)

    async def close(self) -> None:
        """Close the connections."""
        self._threads.shutdown(wait=False)
        await self._http.aclose()

    async def _post(self, body: bytes, headers: Mapping[str, str], *, now: float) -> Answer:
        url = httpx2.URL(self._url)
        host = url.raw_host.decode("ascii")
        pinned = url.copy_with(host=await self._checked_address(host, url.port or _PORTS[url.scheme]))
        whose = {"host": url.netloc.decode("ascii")}
        request = self._http.build_request(
            "POST", pinned, content=body, headers={**headers, **whose}, extensions={"sni_hostname": host}
        )
        reply = await self._http.send(request, stream=True)
        try:
            await _finish(reply)
            return _answer(reply.status_code, reply.headers, now=now)
        finally:
            await reply.aclose()
            self._http.cookies.clear()  # an endpoint has nothing to remember here

    async def _checked_address(self, host: str, port: int) -> str:
        loop = asyncio.get_running_loop()
        addresses = await loop.run_in_executor(self._threads, self._resolve, host, port)
        if not addresses:
            raise OSError(f"{host} has no address")
        inside = [address for address in addresses if not is_public(address)]
        if inside and not self._may_be_inside:
            raise Inside(
                f"{host} has the address {inside[0]}, which is not of the public internet: "
                "allow the host in RAYTHUMBS_WEBHOOK_ALLOWED_HOSTS"
            )
        return addresses[0]


async def _finish(reply: httpx2.Response) -> None:
    """Read a short body, so that the connection can be used again. What it says is not needed."""
    length = reply.headers.get("content-length", "0")
    if length.isascii() and length.isdecimal() and int(length[:10]) <= _SHORT_BYTES:
        with suppress(httpx2.HTTPError, TimeoutError):
            async with asyncio.timeout(_SHORT_SECONDS):
                async for _ in reply.aiter_raw():
                    pass


def _answer(status: int, headers: Mapping[str, str], *, now: float) -> Answer:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Delivered()
    if status == HTTPStatus.GONE:
        return Gone()
    asked = _retry_after_seconds(headers.get("retry-after", ""), now=now)
    return NotDelivered(f"the endpoint answered {status}", is_down=status in _BUSY, retry_after_seconds=asked)


def _retry_after_seconds(value: str, *, now: float) -> float:
    """Return the seconds that Retry-After asks for: a number, or a date (RFC 9110, section 10.2.3). Else 0."""
    if value.isascii() and value.isdecimal():
        return float(value[:10])
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return 0.0
    return max(0.0, at.replace(tzinfo=at.tzinfo or UTC).timestamp() - now)
