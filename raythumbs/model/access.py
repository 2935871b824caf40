"""API keys: what their holders may do, and who holds the key that a request brings."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What the holder of a key may do. `admin` includes the other two."""

    UPLOAD = "upload"  # bring photos in
    READ = "read"  # see jobs, photos, thumbnails and figures
    ADMIN = "admin"  # change how the service works on them


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key, without the key itself: who holds it, its digest, and its scopes."""

    name: str
    digest: str
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        """Return whether the holder may do what the scope stands for."""
        return not self.scopes.isdisjoint({scope, Scope.ADMIN})


def digest_of(key: str) -> str:
    """Return the SHA-256 of a key, in hexadecimal.

    A plain hash is enough: a key is long and random, so nobody can find it by trying.
    """
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()


def holder_of(key: str, keys: Iterable[ApiKey]) -> ApiKey | None:
    """Return whose key this is, or None. The time does not depend on which key it is, or how much of it is right."""
    digest = digest_of(key)
    holders = [one for one in keys if hmac.compare_digest(one.digest, digest)]
    return holders[0] if holders else None
