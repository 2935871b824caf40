"""What is known about an error by its code alone, as the record keeps it; and which codes jobs can have."""

from collections.abc import Iterator

from raythumbs.errors.attempts import Crashed, NoSandbox, Poison, TimedOut
from raythumbs.errors.base import Internal, RaythumbsError
from raythumbs.errors.pictures import BadPicture
from raythumbs.errors.requests import Unstorable
from raythumbs.errors.stores import Archived, Encrypted, NoSuchObject, StoreRefused, StoreUnavailable


def may_be_retried(code: str) -> bool:
    """Return whether another try may help. Nothing is known about a code of another version, so it may."""
    known = [leaf.retryable for leaf in _leaves(RaythumbsError) if getattr(leaf, "code", None) == code]
    return any(known) or not known


def _leaves(root: type[RaythumbsError]) -> Iterator[type[RaythumbsError]]:
    for leaf in root.__subclasses__():
        yield leaf
        yield from _leaves(leaf)


_Kinds = tuple[type[RaythumbsError], ...]
_PASSING: _Kinds = (TimedOut, NoSandbox, Internal, StoreUnavailable, StoreRefused, *_leaves(StoreRefused))
_FINAL: _Kinds = (*_leaves(BadPicture), Unstorable, Archived, Encrypted, NoSuchObject, Poison)

# Codes of attempts that are repeated; codes of jobs that failed.
ATTEMPT_CODES = tuple(sorted({Crashed.code, *(kind.code for kind in _PASSING)}))
JOB_CODES = tuple(sorted(kind.code for kind in _PASSING + _FINAL))
