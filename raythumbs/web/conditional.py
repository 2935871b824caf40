"""Conditional requests and ranges of a file (RFC 9110, sections 13 and 14)."""

import os
import re
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from fastapi.responses import FileResponse, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Receive, Scope, Send

_TAG = re.compile(r'(?:W/)?("[^"]*")')
_RANGE = re.compile(r"\s*(\d{0,18})-(\d{0,18})\s*")
_OF_CONTENT = ("content-type", "content-length", "accept-ranges")  # which an answer without content does not have


class ConditionalFileResponse(FileResponse):
    """A file that is answered with 304 to a client that has it. Of several ranges, it sends those that the file has."""

    def __init__(self, path: str | os.PathLike[str], *, stat_result: os.stat_result, **given: Any) -> None:  # noqa: ANN401 FileResponse's
        super().__init__(path, stat_result=stat_result, **given)
        self._size_bytes = stat_result.st_size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 304 without the file, or with what is asked for of it."""
        headers = Headers(scope=scope)
        if is_unchanged(headers, etag=self.headers["etag"], last_modified=self.headers["last-modified"]):
            await self._not_modified()(scope, receive, send)
            return
        asked = headers.get("range")
        if asked is not None:
            useful = useful_range(asked, size_bytes=self._size_bytes) if scope["method"] == "GET" else None
            scope = _with_range(scope, useful)
        await super().__call__(scope, receive, send)

    def _not_modified(self) -> Response:
        kept = {name: value for name, value in self.headers.items() if name not in _OF_CONTENT}
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=kept)


def is_unchanged(headers: Headers, *, etag: str, last_modified: str) -> bool:
    """Return whether the client has this version already. Tags have precedence over a time; a bad time is ignored."""
    tags = headers.getlist("if-none-match")
    if tags:
        told = ", ".join(tags)
        return told.strip() == "*" or etag.removeprefix("W/") in _TAG.findall(told)  # compared weakly, section 8.8.3.2
    since = _seconds(headers.get("if-modified-since", ""))
    modified = _seconds(last_modified)
    return since is not None and modified is not None and modified <= since


def useful_range(asked: str, *, size_bytes: int) -> str | None:
    """Return a Range header without the parts that the file does not have; None for one of another unit than bytes.

    One that makes no sense, or of which the file has nothing, is returned as it is: Starlette refuses it.
    """
    unit, is_range, parts = asked.partition("=")
    if not is_range or unit.strip().lower() != "bytes":
        return None
    told = [_RANGE.fullmatch(part) for part in parts.split(",")]
    if not all(told):
        return asked
    useful = [part for part in told if part and _has(part[1], part[2], size_bytes)]
    return f"bytes={','.join(part[0].strip() for part in useful)}" if useful else asked


def _has(first: str, last: str, size_bytes: int) -> bool:
    if not first:
        return bool(last) and int(last) > 0 and size_bytes > 0
    return int(first) < size_bytes


def _seconds(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError, IndexError):
        return None


def _with_range(scope: Scope, asked: str | None) -> Scope:
    headers = MutableHeaders(raw=list(scope["headers"]))
    del headers["range"]
    if asked is not None:
        headers["range"] = asked
    return {**scope, "headers": headers.raw}
