"""Tells in the log what the kernel does not give the process that decodes: once in the life of this process."""

from functools import cache

from raythumbs.events import emit_warning
from raythumbs.imaging.confinement.fence import Fence


@cache
def tell_missing(fences: tuple[Fence, ...]) -> None:
    """Write one line if a fence is missing."""
    missing = {fence.name: fence.detail for fence in fences if not fence.given}
    if missing:
        emit_warning("decoder.less_confined", missing=missing)
