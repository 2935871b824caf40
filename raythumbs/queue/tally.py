"""The tally: what one queue has counted since it started.

It is memory alone, written by the event loop's thread: no lock, no statement. After a restart it begins at 0, which
Prometheus expects of counters.
"""

from bisect import bisect_left
from collections import Counter

from raythumbs.errors.codes import ATTEMPT_CODES, JOB_CODES
from raythumbs.model.figures import Counts, Ending, Histogram, Sending
from raythumbs.model.job import Priority
from raythumbs.model.took import STAGES, Took

STAGE_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # seconds
PHOTO_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 3600.0, 21600.0)  # seconds


class Distribution:
    """A histogram that grows."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value. The clocks of two machines may make it negative: it counts as 0."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += max(0.0, value)

    def histogram(self) -> Histogram:
        """Return the counts so far."""
        return Histogram(self._bounds, tuple(self._counts), self._sum)


class Tally:
    """Counts what comes of photos and webhooks. Codes that are known begin at 0, so that no first failure is missed:
    Prometheus computes a rate from two values of a series."""

    def __init__(self) -> None:
        self._photos = Counter({(Ending.SUCCEEDED, ""): 0, (Ending.DELETED, "deleted"): 0})
        self._photos.update({(Ending.FAILED, code): 0 for code in JOB_CODES})
        self._retries = Counter(dict.fromkeys(ATTEMPT_CODES, 0))
        self._stages = {name: Distribution(STAGE_BOUNDS) for name in STAGES}
        self._photo_seconds = {priority: Distribution(PHOTO_BOUNDS) for priority in Priority}
        self._webhooks = Counter(dict.fromkeys(Sending, 0))
        self._fetched_bytes = 0
        self._stored_bytes = 0
        self._rescued_leases = 0

    def attempted(self, took: Took) -> None:
        """Count the stages and bytes of an attempt, whatever came of it."""
        for name, stage in took.stages():
            self._stages[name].observe(stage.seconds)
        self._fetched_bytes += took.fetched_bytes
        self._stored_bytes += took.stored_bytes

    def succeeded(self, priority: Priority, *, after_seconds: float) -> None:
        """Count a photo whose thumbnails are recorded, so many seconds after its job was first enqueued."""
        self._photos[Ending.SUCCEEDED, ""] += 1
        self._photo_seconds[priority].observe(after_seconds)

    def ended(self, ending: Ending, code: str) -> None:
        """Count a photo that ended without thumbnails."""
        self._photos[ending, code] += 1

    def retried(self, code: str, attempts: int = 1) -> None:
        """Count attempts that failed and will be repeated."""
        self._retries[code] += attempts

    def rescued(self, leases: int) -> None:
        """Count leases that ran out."""
        self._rescued_leases += leases

    def sent(self, sending: Sending) -> None:
        """Count an attempt to send a webhook."""
        self._webhooks[sending] += 1

    def counts(self, *, fenced_writes: int, commits: int) -> Counts:
        """Return what was counted so far, with two counters that other parts of the queue keep."""
        return Counts(
            photos=dict(self._photos),
            retries=dict(self._retries),
            stage_seconds={name: one.histogram() for name, one in self._stages.items()},
            photo_seconds={priority: one.histogram() for priority, one in self._photo_seconds.items()},
            fetched_bytes=self._fetched_bytes,
            stored_bytes=self._stored_bytes,
            fenced_writes=fenced_writes,
            rescued_leases=self._rescued_leases,
            webhooks=dict(self._webhooks),
            commits=commits,
        )
