"""Whether the queue works or is paused."""

from dataclasses import dataclass, replace

REASON_LETTERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """A paused queue leases nothing new, but still takes everything.

    `since` is when it was paused, in UTC seconds since 1970, and None while it works. `running` counts the photos that
    are at work.
    """

    since: float | None = None
    reason: str | None = None
    running: int = 0

    @property
    def is_paused(self) -> bool:
        """Whether the queue is paused."""
        return self.since is not None

    @property
    def name(self) -> str:
        """`paused` or `working`."""
        return "paused" if self.is_paused else "working"

    def with_running(self, running: int) -> "QueueState":
        """Return this state with so many photos at work."""
        return replace(self, running=running)
