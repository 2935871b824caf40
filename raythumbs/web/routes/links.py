"""Signed links for pages: thumbnails by source, and streams of folders."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import parse_qsl, unquote, urlsplit

from fastapi import APIRouter, Request
from pydantic import Field

from raythumbs.errors import BadRequest
from raythumbs.model.access import Scope
from raythumbs.web.bodies import Body, Moment, Text
from raythumbs.web.dependencies import Dependencies, Deps
from raythumbs.web.doors import Doors, Linked, Open

router = APIRouter(tags=["photos"])

LINKS_A_REQUEST = 1000
_ADDRESS_LETTERS = 8192


class LinksRequest(Body):
    """Addresses of this service that pages shall open without a key."""

    addresses: list[Annotated[Text, Field(max_length=_ADDRESS_LETTERS)]] = Field(
        min_length=1,
        max_length=LINKS_A_REQUEST,
        description="each begins with `/thumbnails/`, or leads to the stream of a folder",
        examples=[["/thumbnails/by-source/small?source=s3%3A%2F%2Fphotos%2Fa.jpg", "/api/folders/holiday/events"]],
    )


class LinkBody(Body):
    """A link that opens one address without a key."""

    address: str
    url: str


class LinksBody(Body):
    """A link for each address, in their order."""

    links: list[LinkBody]
    expires_at: Moment | None = Field(description="null for never: the service has no keys")


@router.post("/api/links")
async def links(body: LinksRequest, request: Request, deps: Deps) -> LinksBody:
    """Sign links for pages, which cannot send a key."""
    doors: Doors = request.app.state.doors
    expires = deps.links.expiry(now=deps.now()) if deps.links else None
    # In a thread: a thousand take 50 ms.
    signed = await asyncio.to_thread(lambda: [_signed(one, deps, doors, expires) for one in body.addresses])
    return LinksBody(
        links=[LinkBody(address=address, url=url) for address, url in zip(body.addresses, signed, strict=True)],
        expires_at=datetime.fromtimestamp(expires, UTC) if expires else None,
    )


def _signed(address: str, deps: Dependencies, doors: Doors, expires: int | None) -> str:
    path, asked = _checked(address, doors)
    if deps.links is None or expires is None:
        return deps.settings.base_url + address
    return f"{deps.settings.base_url}{path}?{deps.links.query(path, asked, expires=expires)}"


def _checked(address: str, doors: Doors) -> tuple[str, list[tuple[str, str]]]:
    """Return the path and the query of an address that a link can open. Raise BadRequest for another."""
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise BadRequest(f"{address!a} is no address of this service") from error
    is_ours = parts.path.startswith("/") and parts.path.isascii() and not (parts.scheme or parts.netloc)
    door = doors.of({"type": "http", "method": "GET", "path": unquote(parts.path)}) if is_ours else None
    if door not in {Linked(Scope.READ), Open.THUMBNAIL}:
        raise BadRequest(
            f"{address!a} cannot be opened by a link: give /thumbnails/... or /api/folders/ID/events, without the host"
        )
    if door is Open.THUMBNAIL:  # it takes no query, and ignores what a page adds
        return parts.path, []
    return parts.path, parse_qsl(parts.query, keep_blank_values=True)
