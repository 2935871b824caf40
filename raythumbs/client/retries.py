"""When a request is sent again, and how long to wait before. Plain functions: whoever sends also sleeps."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus

from raythumbs.client.refusals import Refused, Unreachable

_PASSING = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
_NOT_TAKEN = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


class Again(Enum):
    """Whether a request may be sent again."""

    ALWAYS = auto()  # twice has the same effect as once
    IF_NOT_TAKEN = auto()  # only after a refusal, or if it was never sent: twice would upload a photo twice
    NEVER = auto()  # the answer is about this moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often a request is sent at most, and the bounds of the waits between, in seconds.

    A wait doubles each time, with chance in it, so that many clients do not come back at one moment. A service's
    `Retry-After` is a longer wait, up to `longest_seconds`.
    """

    most: int = 5
    first_seconds: float = 0.25
    longest_seconds: float = 30.0

    def wait_before(
        self, attempt: int, error: Refused | Unreachable, *, chance: Callable[[], float] = random.random
    ) -> float:
        """Return how long to wait before the attempt with this number; the first one has number 1."""
        wait = min(self.longest_seconds, self.first_seconds * 2.0 ** (attempt - 2)) * (0.5 + chance() / 2)
        asked = (error.retry_after or 0.0) if isinstance(error, Refused) else 0.0
        return max(wait, min(asked, self.longest_seconds))

    def may_repeat(self, attempt: int, error: Refused | Unreachable, again: Again, *, was_there: bool) -> bool:
        """Return whether to send a request again after this attempt. A service that was never there is told at once."""
        if attempt >= self.most or again is Again.NEVER:
            return False
        if isinstance(error, Unreachable):
            return was_there and (again is Again.ALWAYS or not error.sent)
        return error.status in (_PASSING if again is Again.ALWAYS else _NOT_TAKEN)


ONCE = Retries(most=1)


def passes(error: Refused | Unreachable) -> bool:
    """Return whether the same request may succeed later."""
    return isinstance(error, Unreachable) or error.status in _PASSING
