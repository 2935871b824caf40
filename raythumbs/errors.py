"""The tree of errors. Each leaf has a public code, an HTTP status, and says whether trying again may help."""

from typing import ClassVar, Self

STUMBLED = "the service stumbled; its log tells how"


class RaythumbsError(Exception):
    """The root, which is never raised itself. `reason` is one sentence for a person; `code` is for programs and never
    changes its meaning."""

    code: ClassVar[str]
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    public_reason: str | None = None  # for strangers, where the reason is for the log alone

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Internal(RaythumbsError):
    """A bug of the service. The log has its traceback; nobody else hears its text."""

    code = "internal"
    http_status = 500
    retryable = True  # a few times: it may depend on a moment's state
    public_reason = STUMBLED

    def __init__(self, reason: str = STUMBLED) -> None:
        super().__init__(reason)


# --- what a caller asked


class BadRequest(RaythumbsError):
    """The request cannot be understood."""

    code = "bad_request"
    http_status = 400


class BadSource(BadRequest):
    """A source that is no address of an object."""

    code = "bad_source"
    http_status = 422


class Unstorable(BadRequest):
    """A value that the database refuses."""

    code = "unstorable"
    http_status = 422


class EmptyFile(BadRequest):
    """A file without a byte."""

    code = "empty_file"
    http_status = 422


class BodyTooLarge(RaythumbsError):
    """A request body over its limit; nothing of it was kept."""

    code = "body_too_large"
    http_status = 413


class TooSlow(RaythumbsError):
    """A request body that did not arrive in its time; nothing of it was kept."""

    code = "too_slow"
    http_status = 408


class TooManyBodies(RaythumbsError):
    """A client that sends more bodies at one time than one client may."""

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
    """A request for a host name that is not this service's."""

    code = "unknown_host"
    http_status = 421


class ForeignOrigin(RaythumbsError):
    """A change that was asked for by another web site's page."""

    code = "foreign_origin"
    http_status = 403


class Unauthorised(RaythumbsError):
    """A missing or wrong signature or token."""

    code = "unauthorised"
    http_status = 401


class SourceNotAllowed(RaythumbsError):
    """A source outside of what this service may read."""

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
    """No reconciliation has been begun yet."""

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
    """A report of an attempt that no longer holds its job."""

    code = "stale_lease"
    http_status = 409


# --- what a photo turned out to be


class BadPicture(RaythumbsError):
    """A photo of which no thumbnail can be made, now or later."""

    code = "bad_picture"
    http_status = 422


class NotAnImage(BadPicture):
    """Bytes that no allowed decoder knows."""

    code = "not_an_image"


class UnsupportedFormat(BadPicture):
    """A picture, or something like it, in a format that is known and not allowed."""

    code = "unsupported_format"
    http_status = 415


class ZeroSized(BadPicture):
    """A picture without width or height."""

    code = "zero_sized"


class Truncated(BadPicture):
    """A file that ends before its picture does."""

    code = "truncated"


class Corrupt(BadPicture):
    """A file whose decoder found it broken."""

    code = "corrupt"


class TooLarge(BadPicture):
    """A picture that needs more memory, or a file that has more bytes, than the limits allow."""

    code = "too_large"
    http_status = 413


# --- what happened to an attempt


class NeedsMemory(RaythumbsError):
    """A picture that needs more memory than a worker's share: it is for the lane of the large."""

    code = "needs_memory"
    retryable = True

    def __init__(self, reason: str, needed_bytes: int) -> None:
        super().__init__(reason)
        self.needed_bytes = needed_bytes

    def __reduce__(self) -> tuple[type[Self], tuple[str, int]]:
        return type(self), (self.reason, self.needed_bytes)


class TimedOut(RaythumbsError):
    """A photo took longer than its time."""

    code = "timeout"
    http_status = 504
    retryable = True


class Crashed(RaythumbsError):
    """The process that worked on the photo died."""

    code = "crash"
    retryable = True


class NoSandbox(RaythumbsError):
    """The process that decodes could not be started, which is no photo's fault."""

    code = "no_sandbox"
    http_status = 503
    retryable = True


class Poison(RaythumbsError):
    """A photo that crashed its process once too often."""

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
    """The store cannot be reached or is in trouble; it may tell when to come back."""

    code = "store_unavailable"
    http_status = 503
    retryable = True
    public_reason = "the store cannot be reached or is in trouble; try again in a few seconds"

    def __init__(self, reason: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds

    def __reduce__(self) -> tuple[type[Self], tuple[str, float | None]]:
        return type(self), (self.reason, self.retry_after_seconds)


class Overloaded(RaythumbsError):
    """The service takes no more work for now: too much waits, or its disk or memory is nearly full."""

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
    """The record's file is broken, and a person has to put a backup in its place."""

    code = "database_damaged"
    http_status = 503
    public_reason = "the database is damaged; the service's log tells more"


class BadSettings(RaythumbsError):
    """A setting that makes no sense; the service does not start."""

    code = "bad_settings"
    public_reason = "the service's settings make no sense; its log tells more"


class NotStarted(RaythumbsError):
    """The service did not come up."""

    code = "not_started"
