"""Sessions of the page: a person signs in with an API key, and the browser keeps a cookie instead of the key.

The cookie says whose key it was and until when it holds, with a signature. Scripts cannot read it (HttpOnly), and a
browser sends it with requests of the service's own pages only (SameSite=Strict; see also `is_of_own_page`).
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable

from fastapi import Response
from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from raythumbs.model.access import ApiKey

COOKIE = "raythumbs_session"
SESSION_SECONDS = 12 * 3600  # a working day
_TOKEN = re.compile(r"(?P<expires>\d{1,12})~(?P<name>[A-Za-z0-9._@-]{1,64})~(?P<signature>[A-Za-z0-9_-]{43})")


class Sessions:
    """Signs and checks the cookies of sessions.

    The secret is made of the API keys' hashes, as that of links is. So every replica has it, it survives restarts, and
    a changed key ends all sessions.
    """

    def __init__(self, api_keys: SecretStr, keys: Iterable[ApiKey]) -> None:
        self._secret = hashlib.sha256(b"raythumbs: sessions\n" + api_keys.get_secret_value().encode()).digest()
        self._keys = {key.name: key for key in keys}

    def token(self, holder: ApiKey, *, now: float) -> str:
        """Return the cookie's value for the holder of a key. It holds for SESSION_SECONDS."""
        expires = str(int(now) + SESSION_SECONDS)
        return f"{expires}~{holder.name}~{self._signature(expires, holder.name)}"

    def holder(self, headers: Headers, *, now: float) -> ApiKey | None:
        """Return whose session the cookie of a request is, or None. Of several cookies of the name, none counts."""
        given = _given(headers)
        token = _TOKEN.fullmatch(given) if given else None
        if token is None or now >= int(token["expires"]):
            return None
        right = self._signature(token["expires"], token["name"])
        return self._keys.get(token["name"]) if hmac.compare_digest(right, token["signature"]) else None

    def _signature(self, expires: str, name: str) -> str:
        signed = hmac.digest(self._secret, f"{expires}\n{name}".encode(), "sha256")
        return urlsafe_b64encode(signed).decode().rstrip("=")


def keep(reply: Response, token: str, *, over_https: bool) -> None:
    """Make the browser keep the cookie until the session ends."""
    reply.set_cookie(
        COOKIE, token, max_age=SESSION_SECONDS, path="/", secure=over_https, httponly=True, samesite="strict"
    )


def forget(reply: Response, *, over_https: bool) -> None:
    """Make the browser delete the cookie."""
    reply.delete_cookie(COOKIE, path="/", secure=over_https, httponly=True, samesite="strict")


def _given(headers: Headers) -> str | None:
    pairs = [pair.strip() for line in headers.getlist("cookie") for pair in line.split(";")]
    named = [pair for pair in pairs if pair.startswith(f"{COOKIE}=")]
    return cookie_parser(named[0]).get(COOKIE) if len(named) == 1 else None
