"""What goes wrong between a client and a service."""

from raythumbs.errors import RaythumbsError


class Refused(RaythumbsError):
    """The service refused a request. `said` is its code, `status` the HTTP status."""

    code = "refused"

    def __init__(self, status: int, code: str, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(f"{reason} ({code}, HTTP {status})")
        self.status = status
        self.said = code
        self.retry_after = retry_after


class Unreachable(RaythumbsError):
    """No service answers at the address. `sent` says whether the service may have got the request."""

    code = "unreachable"

    def __init__(self, reason: str, *, sent: bool = False) -> None:
        super().__init__(reason)
        self.sent = sent


class Unreadable(RaythumbsError):
    """A photo that cannot be uploaded, because it cannot be read."""

    code = "unreadable"


class NotText(RaythumbsError):
    """An address, an id or a name that cannot be sent, because it is not UTF-8."""

    code = "not_text"


class NotRaythumbs(RaythumbsError):
    """Something else than raythumbs answers at the address."""

    code = "not_raythumbs"


class StillWaiting(RaythumbsError):
    """Jobs have not ended within the time that a caller gave them."""

    code = "still_waiting"
