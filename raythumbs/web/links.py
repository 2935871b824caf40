"""Signed links to thumbnails of a file store. An `<img>` cannot send a key, so its address carries a proof instead."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from urllib.parse import urlencode

from pydantic import SecretStr

_MOST_DIGITS = 12


class Links:
    """Signs and checks links.

    The secret is made of the API keys' hashes. So every replica has it, it survives restarts, and a changed key ends
    all links.
    """

    def __init__(self, api_keys: SecretStr, *, seconds: int) -> None:
        self._secret = hashlib.sha256(b"raythumbs: links\n" + api_keys.get_secret_value().encode()).digest()
        self._seconds = seconds

    def signed(self, url: str, path: str, *, now: float) -> str:
        """Return the URL of the thumbnail at the path, valid for at least `seconds` and at most twice as long.

        It stays the same for `seconds`, so that browsers find what they have cached.
        """
        expires = (int(now) // self._seconds + 2) * self._seconds
        return f"{url}?{urlencode({'expires': expires, 'signature': self._signature(path, str(expires))})}"

    def opens(self, path: str, query: Mapping[str, str], *, now: float) -> bool:
        """Return whether the query proves that this service made the link to this path, and that it is still valid."""
        expires, signature = query.get("expires", ""), query.get("signature", "")
        if not (expires.isascii() and expires.isdigit() and len(expires) <= _MOST_DIGITS):
            return False
        right = self._signature(path, expires)
        return hmac.compare_digest(right.encode(), signature.encode(errors="replace")) and now < int(expires)

    def _signature(self, path: str, expires: str) -> str:
        text = f"{expires}\n{path}".encode(errors="surrogatepass")
        return urlsafe_b64encode(hmac.digest(self._secret, text, "sha256")).decode().rstrip("=")
