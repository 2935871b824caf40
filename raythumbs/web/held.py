"""Limits how many bytes of request bodies are in memory at one time."""

from raythumbs.errors import BodyTooLarge, Overloaded

SMALL_BYTES = 64 * 1024
MESSAGE_BYTES = 128  # what a piece of a body needs besides its bytes, which counts if there are many tiny pieces
MOST_VALUES = 200_000  # in a JSON body: a million empty objects are 4 MB of text, and took 100 MB as objects
_BEFORE_VALUES = (b",", b"{", b"[")
_BUDGET_BYTES = 64 << 20


class _Budget:
    def __init__(self, total_bytes: int) -> None:
        self._total_bytes = total_bytes
        self._used_bytes = 0

    def take(self, bytes_: int) -> None:
        if self._used_bytes + bytes_ > self._total_bytes:
            raise Overloaded("the bodies of other requests fill the memory for them; try again in a few seconds")
        self._used_bytes += bytes_

    def give_back(self, bytes_: int) -> None:
        self._used_bytes -= bytes_


class HeldBytes:
    """The memory that all bodies share. Small bodies have their own budget, so large ones cannot crowd them out."""

    def __init__(self, *, largest_bytes: int) -> None:
        self.small = _Budget(_BUDGET_BYTES)
        self.large = _Budget(max(_BUDGET_BYTES, 2 * largest_bytes))

    def hold(self) -> "Held":
        """Return the share of one request, which is still empty."""
        return Held(self)


class Held:
    """The bytes that one request holds until it releases them."""

    def __init__(self, all_held: HeldBytes) -> None:
        self._all = all_held
        self._budget = all_held.small
        self._bytes = 0
        self._values = 0

    def grow(self, piece: bytes) -> None:
        """Add a piece of JSON. Raise Overloaded if the budget is spent, BodyTooLarge if there are too many values."""
        self._values += sum(map(piece.count, _BEFORE_VALUES))
        if self._values > MOST_VALUES:
            raise BodyTooLarge(f"the body has more than {MOST_VALUES} values")
        more = len(piece) + MESSAGE_BYTES
        if self._budget is self._all.small and self._bytes + more > SMALL_BYTES:
            self._all.large.take(self._bytes)
            self._all.small.give_back(self._bytes)
            self._budget = self._all.large
        self._budget.take(more)
        self._bytes += more

    def release(self) -> None:
        """Give all bytes back to the budget."""
        self._budget.give_back(self._bytes)
        self._bytes = 0
