"""What a client waits for: plain state, for clients that block and for those that do not."""

import time
from collections.abc import Callable, Iterable

from raythumbs.client.calls import Json
from raythumbs.client.refusals import Refused, StillWaiting, Unreachable
from raythumbs.client.retries import passes

POLL_SECONDS = 0.3
_LOOK_AHEAD = 8  # jobs end about in their order, but several are at work at one time
_UNFINISHED = {"queued", "running"}

Clock = Callable[[], float]


def has_ended(job: Json) -> bool:
    """Return whether a job is finished."""
    return job["state"] not in _UNFINISHED


class JobsWait:
    """Jobs that have not ended yet. Only the first few that are unfinished are asked about, however many wait."""

    def __init__(self, job_ids: Iterable[str], *, timeout_seconds: float | None, clock: Clock = time.monotonic) -> None:
        self._left = dict.fromkeys(job_ids)
        self._clock = clock
        self._until = None if timeout_seconds is None else clock() + timeout_seconds

    @property
    def left(self) -> list[str]:
        """The jobs that have not ended, as far as is known."""
        return list(self._left)

    def to_ask(self) -> Iterable[str]:
        """Yield the jobs to ask about now. Tell `heard` each answer before taking the next."""
        unfinished = 0
        for job_id in list(self._left):
            if unfinished == _LOOK_AHEAD:
                return
            yield job_id
            unfinished += job_id in self._left

    def heard(self, job: Json) -> bool:
        """Note the answer about a job. Return whether it has ended."""
        if has_ended(job):
            self._left.pop(job["jobId"], None)
            return True
        return False

    def check(self) -> None:
        """Raise StillWaiting if the time is over."""
        if self._until is not None and self._clock() >= self._until:
            raise StillWaiting(f"{len(self._left)} jobs have not ended in time")


class Patience:
    """How long a service that has answered before may be away."""

    def __init__(self, seconds: float, *, clock: Clock = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._has_answered = False
        self._away_since: float | None = None

    def heard(self) -> None:
        """Note that the service has answered."""
        self._has_answered, self._away_since = True, None

    def bear(self, error: Refused | Unreachable) -> None:
        """Raise the error, unless the service may come back. One that was never there is told at once."""
        self._away_since = self._away_since or self._clock()
        is_patient = self._has_answered and self._clock() < self._away_since + self._seconds
        if not is_patient or not passes(error):
            raise error


class FolderWait:
    """A folder that is watched until it has so many photos and none of them waits."""

    def __init__(self, photos: int, *, patience_seconds: float, clock: Clock = time.monotonic) -> None:
        self._photos = photos
        self._patience = Patience(patience_seconds, clock=clock)
        self._seen: Json | None = None

    @property
    def is_done(self) -> bool:
        """Whether the folder is done."""
        return self._seen is not None and not self._seen["waiting"] and self._seen["total"] >= self._photos

    def is_news(self, folder: Json) -> bool:
        """Note what the stream said. Return whether it is a change."""
        self._patience.heard()
        is_new = folder != self._seen
        self._seen = folder
        return is_new

    def bear(self, error: Refused | Unreachable) -> None:
        """Raise the error of a stream, unless the service may come back."""
        self._patience.bear(error)
