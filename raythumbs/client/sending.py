"""What both clients do around the sending: a call as options of httpx2, and a reply as an answer or an error."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import httpx2

from raythumbs.client.calls import Call, Json, not_text
from raythumbs.client.files import opened, sendable
from raythumbs.client.refusals import NotRaythumbs, Refused, Unreachable

T = TypeVar("T")
SILENT_SECONDS = 60.0  # of a stream, which has a heartbeat every 15 seconds


def options(call: Call[Any], files: ExitStack) -> dict[str, Any]:
    """Return the options of a request. Its files are closed with `files`."""
    found: dict[str, Any] = {"params": dict(call.params), "headers": dict(call.headers)}
    if call.json is not None:
        found["json"] = call.json
    if call.photos:
        names = call.names or [photo.name for photo in call.photos]
        found["files"] = [
            ("file", (sendable(name), files.enter_context(opened(photo))))
            for name, photo in zip(names, call.photos, strict=True)
        ]
        found["data"] = dict(call.form)
    return found


def answer(call: Call[T], reply: httpx2.Response, url: str) -> T:
    """Return the answer in a reply, or raise Refused."""
    if reply.is_error:
        raise refused(reply)
    body = _json(reply)
    if not body:
        raise NotRaythumbs(f"what answers at {url} is not raythumbs")
    return call.read(body)


def refused(reply: httpx2.Response) -> Refused:
    """Return the refusal that a reply is."""
    body = _json(reply)
    return Refused(
        reply.status_code,
        body.get("code", "http"),
        body.get("reason", reply.reason_phrase),
        retry_after=_seconds(reply.headers),
    )


def event_data(line: str) -> Json | None:
    """Return the data in a line of a stream of events, if it has any."""
    return dict(json.loads(line.removeprefix("data: "))) if line.startswith("data: ") else None


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Raise Unreachable or NotText instead of the errors of the HTTP library."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise not_text(error) from error
    except (httpx2.RequestError, httpx2.InvalidURL, UnicodeError) as error:
        sent = not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
        raise Unreachable(f"no service answers at {url}: {error or type(error).__name__}", sent=sent) from error


def not_an_address(url: str, error: Exception) -> Unreachable:
    """Return the error of an address that cannot be one."""
    return Unreachable(f"{url!r} is not the address of a service: {error}")


def _json(reply: httpx2.Response) -> Json:
    """Return the JSON object of a reply, or an empty one if it has none."""
    try:
        body = reply.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _seconds(headers: Mapping[str, str]) -> float | None:
    said = headers.get("Retry-After", "")
    return float(said) if said.isascii() and said.isdigit() else None
