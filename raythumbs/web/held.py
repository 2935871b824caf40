"""How many bytes of bodies the doors hold in memory at one time."""

from raythumbs.errors import BodyTooLarge, Overloaded

SMALL_BYTES = 64 * 1024
MESSAGE_BYTES = 128  # what a piece of a body takes beside its bytes: many tiny ones are more than they look
MOST_VALUES = 200_000  # of a body's JSON: a million empty objects are 4 MB, and were 100 in memory
_BEFORE_VALUES = (b",", b"{", b"[")
_BUDGET_BYTES = 64 << 20


class _Budget:
    def __init__(self, total_bytes: int) -> None:
        self._total_bytes = total_bytes
        self._used_bytes = 0

    def take(self, bytes_: int) -> None:
        if self._used_bytes + bytes_ > self._total_bytes:
            raise Overloaded("the service holds as many bytes of other requests as it may; try again in a few seconds")
        self._used_bytes += bytes_

    def give_back(self, bytes_: int) -> None:
        self._used_bytes -= bytes_


class HeldBytes:
    """The memory that all bodies share. Small ones have a part of their own, so that large ones never refuse them."""

    def __init__(self, *, largest_bytes: int) -> None:
        self.small = _Budget(_BUDGET_BYTES)
        self.large = _Budget(max(_BUDGET_BYTES, 2 * largest_bytes))

    def hold(self) -> "Held":
        """Return the part of one request, empty as yet."""
        return Held(self)


class Held:
    """What one request holds until it is released."""

    def __init__(self, all_held: HeldBytes) -> None:
        self._all = all_held
        self._budget = all_held.small
        self._bytes = 0
        self._values = 0

    def grow(self, piece: bytes) -> None:
        """Hold a piece of JSON as well, or raise Overloaded; BodyTooLarge if it has too many values in all."""
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
        """Hold nothing any more."""
        self._budget.give_back(self._bytes)
        self._bytes = 0
