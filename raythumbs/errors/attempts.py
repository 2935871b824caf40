"""Failures of attempts."""

from typing import Self

from raythumbs.errors.base import RaythumbsError


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
