"""What a store says when it does not give or take an object."""

from typing import Self

from raythumbs.errors.base import RaythumbsError


class NoSuchObject(RaythumbsError):
    """The store has no such object."""

    code = "no_such_object"
    http_status = 404
    public_reason = "the store has no such object"


class StoreUnavailable(RaythumbsError):
    """The store cannot be reached or fails. It may say when to come back."""

    code = "store_unavailable"
    http_status = 503
    retryable = True
    public_reason = "the store cannot be reached or fails; try again in a few seconds"

    def __init__(self, reason: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds

    def __reduce__(self) -> tuple[type[Self], tuple[str, float | None]]:
        return type(self), (self.reason, self.retry_after_seconds)


class StoreRefused(RaythumbsError):
    """The store refuses a request, and will until a person changes something. Later attempts may
    pass; they are made seldom."""

    code = "store_refused"
    http_status = 502
    retryable = True
    public_reason = "the store refuses the service's requests; the service's log tells why"


class AccessDenied(StoreRefused):
    """The store knows the service's credentials, and does not let them in."""

    code = "access_denied"
    public_reason = "the store refuses the service's credentials; the service's log tells more"


class BadCredentials(StoreRefused):
    """There are no credentials, or the store does not know them."""

    code = "bad_credentials"


class ExpiredCredentials(StoreRefused):
    """Credentials whose time is over."""

    code = "expired_credentials"


class NoSuchBucket(StoreRefused):
    """The store has no bucket of that name."""

    code = "no_such_bucket"


class WrongRegion(StoreRefused):
    """The bucket lies in another region than the one that was asked."""

    code = "wrong_region"


class ClockSkew(StoreRefused):
    """The clocks of the machine and the store differ by more than signatures allow."""

    code = "clock_skew"


class AccountDisabled(StoreRefused):
    """The account at the store is closed, blocked, or not signed up."""

    code = "account_disabled"


class RequesterPays(StoreRefused):
    """A bucket that only answers requests whose sender pays for them."""

    code = "requester_pays"


class KeyUnavailable(StoreRefused):
    """An encrypted object whose key the store may not use for these credentials, or cannot use now."""

    code = "key_unavailable"


class Archived(RaythumbsError):
    """An object in an archive, which must be restored before it can be read."""

    code = "archived"
    http_status = 409


class Encrypted(RaythumbsError):
    """An object that is encrypted with a key that only its owner has (SSE-C)."""

    code = "encrypted"
    http_status = 409
