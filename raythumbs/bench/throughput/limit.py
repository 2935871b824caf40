"""The machine's limit: every core does nothing but render, and the photos are in memory already."""

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from threading import Barrier

from raythumbs.bench.servers import die_with_parent
from raythumbs.imaging import Limits, render
from raythumbs.imaging.malloc import keep_freed_memory
from raythumbs.model.photo import RenditionSpec

_HELD_PHOTOS = 16  # by each process
_SECONDS = 3.0

_held: list[bytes] = []
_together: list[Barrier] = []


def limit_photos_per_second(photos: Sequence[Path], spec: RenditionSpec, *, workers: int) -> float:
    """Return what so many processes render together, without a store, a queue or a sandbox."""
    context = get_context("spawn")
    barrier = context.Barrier(workers)
    sample = photos[:: -(-len(photos) // _HELD_PHOTOS)]
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_hold, initargs=(sample, barrier)) as pool:
        return sum(pool.map(_rate, [spec] * workers))


def _hold(sample: Sequence[Path], together: Barrier) -> None:
    die_with_parent()
    keep_freed_memory()  # as the service does: the machine can do more
    _held.extend(photo.read_bytes() for photo in sample)
    _together.append(together)


def _rate(spec: RenditionSpec) -> float:
    """Render for some seconds, whole rounds, when all are ready to begin; return the photos per second."""
    render(_held[0], [spec], Limits())
    _together[0].wait()
    began, rendered = time.monotonic(), 0
    while time.monotonic() < began + _SECONDS:
        for photo in _held:
            render(photo, [spec], Limits())
        rendered += len(_held)
    return rendered / (time.monotonic() - began)
