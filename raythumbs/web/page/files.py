"""The files of the page. They are read once, and served from memory under a policy that lets nothing else run."""

import hashlib
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Self

from fastapi import Request, Response

from raythumbs.web.conditional import is_unchanged

_FOLDER = files("raythumbs.web.page") / "static"
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
INDEX, MANUAL = "index.html", "manual.html"
_NEVER = "Thu, 01 Jan 1970 00:00:00 GMT"  # only the tag of a file counts
# Each name under /page/, and its file. What is not here is not served.
NAMES = {
    name.rpartition("/")[2]: name
    for name in (
        "page.css",
        "parts.css",
        "manual.css",
        "icon.svg",
        "announce.js",
        "api.js",
        "attempts.js",
        "backfills.js",
        "base.js",
        "chart.js",
        "confirm.js",
        "failures.js",
        "format.js",
        "gallery.js",
        "jobs.js",
        "live.js",
        "overview.js",
        "photo.js",
        "quarantine.js",
        "rates.js",
        "search.js",
        "session.js",
        "start.js",
        "status.js",
        "uploads.js",
        "widgets.js",
        "vendor/preact.js",
        "vendor/hooks.js",
        "vendor/htm.js",
        "vendor/thumbhash.js",
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFile:
    """A file of the page: its bytes, its media type, and an entity tag that changes when the bytes do."""

    content: bytes
    media_type: str
    etag: str

    @classmethod
    def of(cls, content: bytes, media_type: str) -> Self:
        """Return the file with its tag."""
        return cls(content=content, media_type=media_type, etag=f'"{hashlib.sha256(content).hexdigest()[:32]}"')


@cache
def page_file(name: str) -> PageFile:
    """Return a file of `static/`, by its name there."""
    content = _FOLDER.joinpath(name).read_bytes()
    return PageFile.of(content, _TYPES[name.rpartition(".")[2]])


def file_reply(file: PageFile, request: Request, *, policy: str | None = None) -> Response:
    """Return a file, or 304 to a browser that has it. Browsers ask each time, so a new version is seen at once.

    `policy` is the Content-Security-Policy of a page.
    """
    headers = {"Cache-Control": "no-cache", "ETag": file.etag}
    headers |= {"Content-Security-Policy": policy} if policy else {}
    if is_unchanged(request.headers, etag=file.etag, last_modified=_NEVER):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)


def page_policy(picture_origin: str | None) -> str:
    """Return the Content-Security-Policy of the page. `picture_origin` is where thumbnails are, if that is elsewhere.

    Trusted Types forbid every place where a text becomes markup, so no name or reason can.
    """
    pictures = " ".join(("'self'", "data:", *([picture_origin] if picture_origin else ())))
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src {pictures}; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
