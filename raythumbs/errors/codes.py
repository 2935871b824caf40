"""What is known about an error by its code alone, as the record keeps it."""

from collections.abc import Iterator

from raythumbs.errors.base import RaythumbsError


def may_be_retried(code: str) -> bool:
    """Return whether another try may help. Nothing is known about a code of another version, so it may."""
    known = [leaf.retryable for leaf in _leaves(RaythumbsError) if getattr(leaf, "code", None) == code]
    return any(known) or not known


def _leaves(root: type[RaythumbsError]) -> Iterator[type[RaythumbsError]]:
    for leaf in root.__subclasses__():
        yield leaf
        yield from _leaves(leaf)
