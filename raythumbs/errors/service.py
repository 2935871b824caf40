"""The queue, the database and the start of the service."""

from typing import Self

from raythumbs.errors.base import RaythumbsError


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


class SenderUnavailable(RaythumbsError):
    """The keys of a notification's sender cannot be fetched, so its signature cannot be verified."""

    code = "sender_unavailable"
    http_status = 503
    retryable = True


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
