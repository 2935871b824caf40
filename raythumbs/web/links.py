"""Signed links. An `<img>`, an `EventSource` or a form cannot send a key, so its address carries a proof instead."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote_to_bytes, urlencode

from pydantic import SecretStr

THUMBNAILS_PATH = "/thumbnails/"

Pairs = Iterable[tuple[str, str]]

_EXPIRES, _SIGNATURE = "expires", "signature"
_MOST_DIGITS = 12


class Links:
    """Signs and checks links. A link opens one path with one query.

    The secret is made of the API keys' hashes. So every replica has it, it survives restarts, and a changed key ends
    all links.
    """

    def __init__(self, api_keys: SecretStr, *, seconds: int) -> None:
        self._secret = hashlib.sha256(b"raythumbs: links\n" + api_keys.get_secret_value().encode()).digest()
        self._seconds = seconds

    def expiry(self, *, now: float) -> int:
        """Return when a link made now expires: in `seconds` at least, and in twice as long at most.

        It stays the same for `seconds`, so that browsers find what they have cached.
        """
        return (int(now) // self._seconds + 2) * self._seconds

    def query(self, path: str, asked: Pairs = (), *, expires: int) -> str:
        """Return the query of a link to the path: what is asked of it, and the proof."""
        pairs = unproven(asked)
        return urlencode([*pairs, (_EXPIRES, expires), (_SIGNATURE, self._signature(path, pairs, str(expires)))])

    def opens(self, path: str, asked: Pairs, proof: Mapping[str, str], *, now: float) -> bool:
        """Return whether this service made the link to this path with this query, and it is still valid."""
        expires, signature = proof.get(_EXPIRES, ""), proof.get(_SIGNATURE, "")
        if not (expires.isascii() and expires.isdigit() and len(expires) <= _MOST_DIGITS):
            return False
        right = self._signature(path, unproven(asked), expires)
        return hmac.compare_digest(right.encode(), signature.encode(errors="replace")) and now < int(expires)

    def _signature(self, path: str, pairs: Pairs, expires: str) -> str:
        text = "\n".join((expires, _spelt(path), urlencode(sorted(pairs), errors="surrogatepass")))
        return urlsafe_b64encode(hmac.digest(self._secret, text.encode(), "sha256")).decode().rstrip("=")


def unproven(asked: Pairs) -> list[tuple[str, str]]:
    """Return what a query asks, without the proof of a link."""
    return [(name, value) for name, value in asked if name not in {_EXPIRES, _SIGNATURE}]


def _spelt(path: str) -> str:
    """Return the path in one spelling, whichever letters were escaped. An escaped slash stays within its segment."""
    return "/".join(quote(unquote_to_bytes(segment), safe="") for segment in path.split("/"))
