"""What is asked for is not there, or not in a state for what is asked."""

from raythumbs.errors.base import RaythumbsError


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


class UnknownMessage(RaythumbsError):
    """No message of that id in quarantine."""

    code = "unknown_message"
    http_status = 404


class IllegalMove(RaythumbsError):
    """A move that the job's state does not allow."""

    code = "illegal_move"
    http_status = 409


class StaleLease(RaythumbsError):
    """A report of an attempt that has lost its lease."""

    code = "stale_lease"
    http_status = 409


class UnknownBackfill(RaythumbsError):
    """No backfill with that id."""

    code = "unknown_backfill"
    http_status = 404


class TooManyBackfills(RaythumbsError):
    """More backfills at one time than allowed."""

    code = "too_many_backfills"
    http_status = 409
