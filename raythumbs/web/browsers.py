"""Keeps other web sites' pages from using the service through the browser of a person who can reach it."""

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
# Content types that a page may send to another site without a preflight (Fetch, "CORS-safelisted request-header").
_WITHOUT_PREFLIGHT = {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
# Names of local networks, which are in no public DNS: RFC 6761, RFC 6762, ICANN's `.internal`, and Kubernetes' `.svc`.
_INTERNAL = re.compile(r"[a-z0-9-]{1,63}|([a-z0-9-]{1,63}\.)+(localhost|local|internal|svc)")
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(:\d{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitors:
    """Which host names are the service's own, and from which origins changes are accepted.

    IP addresses are always its own, and so are names that nobody can register. An attacker's site cannot have such a
    name, so DNS rebinding does not work with them.
    """

    hosts: frozenset[str]
    origins: frozenset[str]
    own_origin: str

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return what the settings allow, with the names of this machine and of the public address."""
        public = urlsplit(settings.base_url)
        own = ("localhost", settings.host, socket.gethostname(), public.hostname)
        own_origin = f"{public.scheme}://{bare(public.netloc.lower())}"
        return cls(
            own_origin=own_origin,
            hosts=frozenset(name.lower() for name in (*own, *settings.allowed_hosts) if name),
            origins=frozenset({own_origin, *map(bare, settings.allowed_origins)}),
        )

    def check_host(self, host: str) -> None:
        """Raise UnknownHost if the host is not a name of this service."""
        parsed = _HOST.fullmatch(host)
        if parsed is None or not self._knows(parsed["name"].lower().rstrip(".")):
            raise UnknownHost(
                f"{host[:255]!a} is no name of this service: if it should be, add it to RAYTHUMBS_ALLOWED_HOSTS"
            )

    def check_origin(self, headers: Headers) -> None:
        """Raise ForeignOrigin for a request of another site's page. Programs send no origin, and are let through."""
        origin = headers.get("origin")
        if origin is not None and not self._allows(origin, headers.get("host", "")):
            raise ForeignOrigin(f"pages of {origin[:255]!a} may not use this service: see RAYTHUMBS_ALLOWED_ORIGINS")
        if origin is None and headers.get("sec-fetch-site", "none") in {"cross-site", "same-site"}:
            raise ForeignOrigin("pages of other sites may not use this service: see RAYTHUMBS_ALLOWED_ORIGINS")

    def is_own_page(self, headers: Headers, *, changes: bool) -> bool:
        """Return whether a page of the service itself may have sent this, so that its cookie counts.

        Pages of allowed origins use the API, but never with the cookie of a person. A browser names the origin of each
        change. Over HTTPS, and to this machine, it also says from which site a request comes (Fetch Metadata).
        """
        if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return False
        origin = headers.get("origin")
        if origin is None:
            return not changes
        asking = bare(origin.lower())
        return asking == self.own_origin or self._is_host(asking, headers.get("host", ""))

    def _knows(self, name: str) -> bool:
        if "*" in self.hosts or name in self.hosts or _is_address(name) or _INTERNAL.fullmatch(name):
            return True
        return any(f"*.{parent}" in self.hosts for parent in _parents(name))

    def _allows(self, origin: str, host: str) -> bool:
        asking = bare(origin.lower())
        return asking in self.origins or self._is_host(asking, host)

    @staticmethod
    def _is_host(asking: str, host: str) -> bool:
        scheme, _, site = asking.partition("://")
        return scheme in {"http", "https"} and site == bare(host.lower())


class OnlyOwnPages:
    """ASGI middleware against requests of other sites' pages.

    It answers 421 for a foreign host name, 403 for a change by a foreign page, and 415 for a body that should be JSON
    but has a content type that pages may send without a preflight.
    """

    def __init__(self, app: ASGIApp, *, visitors: Visitors, form_path: str, event_paths: str) -> None:
        self._app = app
        self._visitors = visitors
        self._form_path = form_path
        self._event_paths = event_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, unless another site's page made it."""
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
        if kind not in _WITHOUT_PREFLIGHT or not any(announced(headers)):
            return
        is_page = "origin" in headers or "sec-fetch-site" in headers
        if path.startswith(self._event_paths) and not is_page:
            return  # Amazon SNS sends its JSON as text/plain, and curl by default as a form
        raise NotJson(f"the body must be JSON, and is {kind}: send Content-Type: application/json")


def bare(address: str) -> str:
    """Return an origin or a host without its port, if that is the default port."""
    return re.sub(r"^(http://.*|[^/]*):80$|^(https://.*|[^/]*):443$", lambda match: match[1] or match[2], address)


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _parents(name: str) -> Iterable[str]:
    labels = name.split(".")
    return (".".join(labels[at:]) for at in range(1, len(labels)))
