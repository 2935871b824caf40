"""The root of the tree of errors, and what a bug is told as."""

from typing import ClassVar

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
