"""Limits how many bodies arrive, or how many streams are open, at one time: in all and from one client."""

from collections import Counter

from raythumbs.errors import Overloaded, RaythumbsError, TooManyBodies


class Places:
    """Places for bodies while they arrive, or for streams while they are open. `what` says which, for the errors."""

    def __init__(
        self,
        *,
        total: int,
        per_client: int,
        what: str = "bodies are arriving",
        too_many: type[RaythumbsError] = TooManyBodies,
    ) -> None:
        self._total = total
        self._per_client = per_client
        self._what = what
        self._too_many = too_many
        self._taken = 0
        self._of_client: Counter[str] = Counter()

    def take(self, client: str | None) -> "Place":
        """Return a place, or raise Overloaded, or `too_many` for one client. An unknown client (None) has no limit."""
        if self._taken >= self._total:
            raise Overloaded(f"{self._total} {self._what}, the most at one time; try again in a few seconds")
        if client is not None and self._of_client[client] >= self._per_client:
            raise self._too_many(f"{self._per_client} {self._what} from {client}, the most of one client at one time")
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
    """The place of one body or stream."""

    def __init__(self, places: Places, client: str | None) -> None:
        self._places: Places | None = places
        self._client = client

    def leave(self) -> None:
        """Give the place back. A second call does nothing."""
        if self._places is not None:
            self._places.give_back(self._client)
            self._places = None
