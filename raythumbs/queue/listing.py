"""Pages of what lies below a place, for those who compare it with the record: the reconciler and the backfiller."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice, takewhile

from raythumbs.model.source import Source
from raythumbs.storage.base import Stat, Store

LAST = "\U0010ffff"  # sorts after every other letter


@dataclass(frozen=True, slots=True)
class Page:
    """Objects below a place, in their order, and the keys between which there are no others."""

    place: str
    stats: tuple[Stat, ...]
    after: str
    until: str

    @property
    def sources(self) -> tuple[str, str]:
        """The addresses between which there are no others."""
        return source_of(self.place, self.after), source_of(self.place, self.until)

    def divided(self, key: str) -> tuple["Page", "Page"]:
        """Return what comes up to a key, and the rest."""
        count = bisect_right(self.stats, key, key=lambda stat: stat.key)
        return (
            replace(self, stats=self.stats[:count], until=key),
            replace(self, stats=self.stats[count:], after=key),
        )


def pages_of(place: str, store: Store, *, after: str, size: int, until: str = LAST) -> Iterator[Page]:
    """Yield pages of the objects whose key is above `after`, up to and including `until`; the last may be empty."""
    stats = takewhile(lambda stat: stat.key <= until, store.list(after=after))
    while page := tuple(islice(stats, size)):
        full = len(page) == size
        reached = page[-1].key if full else until
        yield Page(place, page, after, reached)
        if not full:
            return
        after = reached
    yield Page(place, (), after, until)


def source_of(place: str, key: str) -> str:
    """Return the canonical address of a key below a place."""
    if place.startswith("s3://"):
        return place + key
    return str(Source("file", "", f"{Source.parse(place).key}/{key}"))


def key_of(place: str, source: str) -> str:
    """Return the key below a place of a canonical address."""
    if place.startswith("s3://"):
        return source.removeprefix(place)
    return Source.parse(source).key.removeprefix(f"{Source.parse(place).key}/")
