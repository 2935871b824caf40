"""The leaves of the tree of errors for what a store refuses: by a person's mistake, or for the object's own state."""

from raythumbs.errors import RaythumbsError, StoreRefused

# --- a person has to act; photos are tried again, each time later


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


# --- the object itself; a new event makes a new job when it has changed


class Archived(RaythumbsError):
    """An object in an archive, which must be restored before it can be read."""

    code = "archived"
    http_status = 409


class Encrypted(RaythumbsError):
    """An object that is encrypted with a key that only its owner has (SSE-C)."""

    code = "encrypted"
    http_status = 409
