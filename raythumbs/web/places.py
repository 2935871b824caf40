"""Limits how many bodies arrive at one time, in all and from one client."""

from collections import Counter

from raythumbs.errors import Overloaded, TooManyBodies


class Places:
    """Places for bodies while they arrive. A body that has arrived gives its place back."""

    def __init__(self, *, total: int, per_client: int) -> None:
        self._total = total
        self._per_client = per_client
        self._taken = 0
        self._of_client: Counter[str] = Counter()

    def take(self, client: str | None) -> "Place":
        """Return a place, or raise Overloaded or TooManyBodies. An unknown client (None) has no limit of its own."""
        if self._taken >= self._total:
            raise Overloaded(f"{self._total} bodies are arriving, the most at one time; try again in a few seconds")
        if client is not None and self._of_client[client] >= self._per_client:
            raise TooManyBodies(
                f"{self._per_client} bodies are arriving from {client}, the most that one client may send"
            )
        self._taken += 1
        if client is not None:
            self._of_client[client] += 1
        return Place(self, client)

    def give_back(self, client: str | None) -> None:
        """Free one place."""
        self._taken -= 1
        if client is not None:
            self._of_client[client] -= 1
            if not self._of_client[client]:
                del self._of_client[client]


class Place:
    """The place of one body."""

    def __init__(self, places: Places, client: str | None) -> None:
        self._places: Places | None = places
        self._client = client

    def leave(self) -> None:
        """Give the place back. A second call does nothing."""
        if self._places is not None:
            self._places.give_back(self._client)
            self._places = None
