"""The tree of errors. Each leaf has a public code, an HTTP status, and says whether a retry may help."""

from typing import ClassVar, Self

STUMBLED = "an internal error; the log of the service has the details"


class RaythumbsError(Exception):
    """The root, which is never raised itself. `reason` is one sentence for people; `code` is for programs and never
    changes its meaning."""

    code: ClassVar[str]
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    public_reason: str | None = None  # what clients see if `reason` is for the log alone

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Internal(RaythumbsError):
    """A bug of the service. Its traceback and text are in the log only."""

    code = "internal"
    http_status = 500
    retryable = True  # a few times, because it may depend on a passing state
    public_reason = STUMBLED

    def __init__(self, reason: str = STUMBLED) -> None:
        super().__init__(reason)


# --- faults of requests


class BadRequest(RaythumbsError):
    """The request cannot be understood."""

    code = "bad_request"
    http_status = 400


class BadSource(BadRequest):
    """A source that is not the address of an object."""

    code = "bad_source"
    http_status = 422


class Unstorable(BadRequest):
    """A value that the database refuses."""

    code = "unstorable"
    http_status = 422


class EmptyFile(BadRequest):
    """A file of zero bytes."""

    code = "empty_file"
    http_status = 422


class BodyTooLarge(RaythumbsError):
    """A request body over its limit. Nothing of it was kept."""

    code = "body_too_large"
    http_status = 413


class TooSlow(RaythumbsError):
    """A request body that arrived too slowly; nothing of it was kept."""

    code = "too_slow"
    http_status = 408


class TooManyBodies(RaythumbsError):
    """A client that sends more bodies at one time than allowed."""

    code = "too_many_bodies"
    http_status = 429


class NotJson(RaythumbsError):
    """A body whose content type says that it is not JSON."""

    code = "not_json"
    http_status = 415


class EncodedBody(RaythumbsError):
    """A body that is compressed or encoded in another way."""

    code = "encoded_body"
    http_status = 415


class UnknownHost(RaythumbsError):
    """A request for a host name that is not one of this service's."""

    code = "unknown_host"
    http_status = 421


class ForeignOrigin(RaythumbsError):
    """A change that another web site's page requested."""

    code = "foreign_origin"
    http_status = 403


class Unauthorised(RaythumbsError):
    """A missing or wrong signature or token."""

    code = "unauthorised"
    http_status = 401


class SourceNotAllowed(RaythumbsError):
    """A source that this service may not read."""

    code = "source_not_allowed"
    http_status = 403


class UnknownJob(RaythumbsError):
    """No job with that id."""

    code = "unknown_job"
    http_status = 404


class UnknownPhoto(RaythumbsError):
    """No photo with that id."""

    code = "unknown_photo"
    http_status = 404


class NotReconciled(RaythumbsError):
    """No reconciliation has been started yet."""

    code = "not_reconciled"
    http_status = 404


class UnknownThumbnail(RaythumbsError):
    """No thumbnail at that address."""

    code = "unknown_thumbnail"
    http_status = 404


class IllegalMove(RaythumbsError):
    """A move that the job's state does not allow."""

    code = "illegal_move"
    http_status = 409


class StaleLease(RaythumbsError):
    """A report of an attempt that has lost its lease."""

    code = "stale_lease"
    http_status = 409


# --- faults of photos


class BadPicture(RaythumbsError):
    """A photo that can never be rendered."""

    code = "bad_picture"
    http_status = 422


class NotAnImage(BadPicture):
    """A file that no allowed decoder recognises."""

    code = "not_an_image"


class UnsupportedFormat(BadPicture):
    """A picture in a known format that is not allowed."""

    code = "unsupported_format"
    http_status = 415


class ZeroSized(BadPicture):
    """A picture without width or height."""

    code = "zero_sized"


class Truncated(BadPicture):
    """A file that ends before its picture does."""

    code = "truncated"


class Corrupt(BadPicture):
    """A file that its decoder found to be broken."""

    code = "corrupt"


class TooLarge(BadPicture):
    """A picture that needs more memory, or a file that has more bytes, than the limits allow."""

    code = "too_large"
    http_status = 413


# --- failures of attempts


class NeedsMemory(RaythumbsError):
    """A picture that needs more memory than a worker's share. It is rendered in the lane for large photos."""

    code = "needs_memory"
    retryable = True

    def __init__(self, reason: str, needed_bytes: int) -> None:
        super().__init__(reason)
        self.needed_bytes = needed_bytes

    def __reduce__(self) -> tuple[type[Self], tuple[str, int]]:
        return type(self), (self.reason, self.needed_bytes)


class TimedOut(RaythumbsError):
    """A photo took longer than its time limit."""

    code = "timeout"
    http_status = 504
    retryable = True


class Crashed(RaythumbsError):
    """The process that worked on the photo died."""

    code = "crash"
    retryable = True


class NoSandbox(RaythumbsError):
    """The process that decodes could not be started. This is not the photo's fault."""

    code = "no_sandbox"
    http_status = 503
    retryable = True


class Poison(RaythumbsError):
    """A photo that crashed its process too often."""

    code = "poison"


# --- stores, database, queue


class NoSuchObject(RaythumbsError):
    """The store has no such object."""

    code = "no_such_object"
    http_status = 404
    public_reason = "the store has no such object"


class StoreRefused(RaythumbsError):
    """The store refuses a request, and will until a person changes something. Its leaves are here and in
    `store_errors.py`. Later attempts may pass; they are made seldom."""

    code = "store_refused"
    http_status = 502
    retryable = True
    public_reason = "the store refuses the service's requests; the service's log tells why"


class AccessDenied(StoreRefused):
    """The store knows the service's credentials, and does not let them in."""

    code = "access_denied"
    public_reason = "the store refuses the service's credentials; the service's log tells more"


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


class Overloaded(RaythumbsError):
    """The service takes no more work for now: the backlog, a disk or the memory is nearly full."""

    code = "overloaded"
    http_status = 503
    retryable = True

    def __init__(self, reason: str, public_reason: str | None = None) -> None:
        super().__init__(reason)
        self.public_reason = public_reason

    def __reduce__(self) -> tuple[type[Self], tuple[str, str | None]]:
        return type(self), (self.reason, self.public_reason)


class QueueUnavailable(RaythumbsError):
    """The queue does not answer, or is shutting down."""

    code = "queue_unavailable"
    http_status = 503
    retryable = True


class DatabaseUnavailable(RaythumbsError):
    """The database cannot be reached, or is in use by another service."""

    code = "database_unavailable"
    http_status = 503
    retryable = True
    public_reason = "the database cannot be reached; try again in a few seconds"


class DatabaseDamaged(RaythumbsError):
    """The record's file is damaged, and a person must replace it with a backup."""

    code = "database_damaged"
    http_status = 503
    public_reason = "the database is damaged; the service's log has the details"


class BadSettings(RaythumbsError):
    """An invalid setting. The service does not start."""

    code = "bad_settings"
    public_reason = "the service's settings are invalid; its log has the details"


class NotStarted(RaythumbsError):
    """The service did not start."""

    code = "not_started"
