"""Keeps the pages of other web sites from using the service through the browser of somebody who can reach it."""

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from raythumbs.errors import ForeignOrigin, NotJson, UnknownHost
from raythumbs.settings import Settings
from raythumbs.web.arriving import announced

_CHANGES = {"POST", "PUT", "PATCH", "DELETE"}
# What a page may send to another site without asking it first (Fetch, "CORS-safelisted request-header").
_OF_FORMS = {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
# Names of a local network, which no public DNS has: RFC 6761, RFC 6762, ICANN's `.internal`, and Kubernetes' `.svc`.
_INTERNAL = re.compile(r"[a-z0-9-]{1,63}|([a-z0-9-]{1,63}\.)+(localhost|local|internal|svc)")
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(:\d{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitors:
    """Which host names are the service's own, and which origins may change what it has.

    An IP address is always its own, and so is a name that nobody can register: no other site's can be made to look like
    one (DNS rebinding).
    """

    hosts: frozenset[str]
    origins: frozenset[str]

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return what the settings allow, and the names of this machine and of the public address."""
        public = urlsplit(settings.base_url)
        own = ("localhost", settings.host, socket.gethostname(), public.hostname)
        return cls(
            hosts=frozenset(name.lower() for name in (*own, *settings.allowed_hosts) if name),
            origins=frozenset({f"{public.scheme}://{_bare(public.netloc)}", *map(_bare, settings.allowed_origins)}),
        )

    def check_host(self, host: str) -> None:
        """Raise UnknownHost for the name of another site."""
        told = _HOST.fullmatch(host)
        if told is None or not self._knows(told["name"].lower().rstrip(".")):
            raise UnknownHost(f"this service is not {host[:255]!a}: name it in RAYTHUMBS_ALLOWED_HOSTS if it is")

    def check_origin(self, headers: Headers) -> None:
        """Raise ForeignOrigin for a request that another site's page makes; programs tell no origin."""
        origin = headers.get("origin")
        if origin is not None and not self._allows(origin, headers.get("host", "")):
            raise ForeignOrigin(f"pages of {origin[:255]!a} may not use this service: see RAYTHUMBS_ALLOWED_ORIGINS")
        if origin is None and headers.get("sec-fetch-site", "none") in {"cross-site", "same-site"}:
            raise ForeignOrigin("pages of other sites may not use this service: see RAYTHUMBS_ALLOWED_ORIGINS")

    def _knows(self, name: str) -> bool:
        if "*" in self.hosts or name in self.hosts or _is_address(name) or _INTERNAL.fullmatch(name):
            return True
        return any(f"*.{parent}" in self.hosts for parent in _parents(name))

    def _allows(self, origin: str, host: str) -> bool:
        bare = _bare(origin.lower())
        scheme, _, site = bare.partition("://")
        return bare in self.origins or (scheme in {"http", "https"} and site == _bare(host.lower()))


class OnlyOwnPages:
    """ASGI middleware: 421 for a foreign host, 403 for a change by a foreign page, and 415 for a body that a form could
    send where JSON is asked for."""

    def __init__(self, app: ASGIApp, *, visitors: Visitors, form_path: str, event_paths: str) -> None:
        self._app = app
        self._visitors = visitors
        self._form_path = form_path
        self._event_paths = event_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, if no other site's page has made it."""
        if scope["type"] == "http":
            self._check(scope)
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        for host in headers.getlist("host"):
            self._visitors.check_host(host)
        if scope["method"] in _CHANGES:
            self._visitors.check_origin(headers)
            if scope["path"] != self._form_path:
                self._check_content_type(scope["path"], headers)

    def _check_content_type(self, path: str, headers: Headers) -> None:
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in _OF_FORMS or not any(announced(headers)):
            return
        is_page = "origin" in headers or "sec-fetch-site" in headers
        if path.startswith(self._event_paths) and not is_page:
            return  # Amazon SNS sends its JSON as text/plain, and curl by default as a form
        raise NotJson(f"the body must be JSON, and is {kind}: send Content-Type: application/json")


def _bare(address: str) -> str:
    """Return an origin or a host without the port that its scheme has by default."""
    return re.sub(r"^(http://.*|[^/]*):80$|^(https://.*|[^/]*):443$", lambda told: told[1] or told[2], address)


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _parents(name: str) -> Iterable[str]:
    labels = name.split(".")
    return (".".join(labels[at:]) for at in range(1, len(labels)))
