"""What keeps a request out: no key, or a key that may not do this."""

from typing import ClassVar

from raythumbs.errors.base import RaythumbsError


class KeyNeeded(RaythumbsError):
    """A request without an API key that the service knows."""

    code = "key_needed"
    http_status = 401
    challenge: ClassVar[str] = 'Bearer realm="raythumbs"'  # RFC 6750, section 3


class ScopeNeeded(RaythumbsError):
    """A request with an API key that does not have the scope for it."""

    code = "scope_needed"
    http_status = 403
    challenge: ClassVar[str] = 'Bearer realm="raythumbs", error="insufficient_scope"'


class NotReady(RaythumbsError):
    """The service is not ready, and whoever asks may not know why."""

    code = "not_ready"
    http_status = 503

    def __init__(self, reason: str = "the service is not ready; a key with the scope read is told why") -> None:
        super().__init__(reason)
