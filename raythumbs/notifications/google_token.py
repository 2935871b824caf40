"""The token with which Google proves that a push of Pub/Sub is of a subscription.

Sources: Pub/Sub, "Authentication for push subscriptions"; OpenID Connect Core 1.0, section 3.1.3.7.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from raythumbs.errors import Unauthorised

Key = jwt.PyJWK
KEYS_URL = "https://www.googleapis.com/oauth2/v3/certs"
_ISSUERS = ["https://accounts.google.com", "accounts.google.com"]
_ALGORITHM = "RS256"
_CLOCK_SECONDS = 60  # by which clocks may differ
_MOST_LETTERS = 8192
# The times are compared here, with a clock that is an argument.
_OPTIONS: Any = {"require": ["exp", "iat"], "verify_exp": False, "verify_iat": False, "verify_nbf": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What the token must be for, and whose it must be. Anybody can have a token of Google's for any audience."""

    audience: str
    service_account: str


def token_of(authorization: str) -> str:
    """Return the token of an Authorization header, or raise Unauthorised."""
    kind, _, token = authorization.partition(" ")
    if kind.lower() != "bearer" or not token or len(token) > _MOST_LETTERS:
        raise Unauthorised("the push has no `Authorization: Bearer`: set a service account for the subscription")
    return token


def key_id(token: str) -> str:
    """Return which key signed a token, as the token says."""
    try:
        id_ = jwt.get_unverified_header(token).get("kid")
    except jwt.InvalidTokenError as error:
        raise Unauthorised("the push's token cannot be read") from error
    if not isinstance(id_, str):
        raise Unauthorised("the push's token names no key")
    return id_


def keys_of(body: bytes) -> dict[str, Key]:
    """Return the keys in a JSON Web Key Set by their ids. Raises ValueError for another body."""
    try:
        keys = jwt.PyJWKSet.from_json(body.decode()).keys
    except (jwt.PyJWTError, AttributeError, TypeError) as error:
        raise ValueError("it is no JSON Web Key Set") from error
    return {key.key_id: key for key in keys if key.key_id}


def verify(token: str, key: Key, subscription: Subscription, *, now: float) -> None:
    """Return if the key signed the token, for this subscription and this time; else raise Unauthorised."""
    try:
        claims = jwt.decode(token, key, [_ALGORITHM], options=_OPTIONS, audience=subscription.audience, issuer=_ISSUERS)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise Unauthorised(f"the push's token is not accepted: {error}") from error
    if claims.get("email") != subscription.service_account or claims.get("email_verified") is not True:
        raise Unauthorised("the push's token is not of RAYTHUMBS_GCS_SERVICE_ACCOUNT")
    if not _is_current(claims, now):
        raise Unauthorised("the push's token has expired, or is of the future")


def _is_current(claims: Mapping[str, Any], now: float) -> bool:
    begin, end = claims.get("iat"), claims.get("exp")
    if not (isinstance(begin, int | float) and isinstance(end, int | float)):
        return False
    return begin - _CLOCK_SECONDS <= now <= end + _CLOCK_SECONDS
