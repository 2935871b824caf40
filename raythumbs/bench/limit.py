"""The machine's limit: every core does nothing but render, and the photos are in memory already."""

import time
from collections.abc import Sequence
from pathlib import Path

from raythumbs.bench.laps import await_others, in_processes
from raythumbs.imaging import Limits, render
from raythumbs.imaging.malloc import keep_freed_memory
from raythumbs.model.photo import RenditionSpec

_SAMPLE_PHOTOS = 16  # of each process
_SECONDS = 3.0


def limit_photos_per_second(photos: Sequence[Path], *, workers: int) -> float:
    """Return what so many processes render together, without a store, a queue or a sandbox."""
    sample = photos[:: -(-len(photos) // _SAMPLE_PHOTOS)]
    return sum(in_processes(_photos_per_second, [sample] * workers))


def _photos_per_second(sample: Sequence[Path]) -> float:
    """Render all photos again and again, for some seconds, when all processes are ready."""
    keep_freed_memory()  # as the service does: the machine can do more
    photos = [photo.read_bytes() for photo in sample]
    spec, limits = RenditionSpec(), Limits()
    render(photos[0], [spec], limits)
    await_others()
    began, rendered = time.monotonic(), 0
    while time.monotonic() < began + _SECONDS:
        for photo in photos:
            render(photo, [spec], limits)
        rendered += len(photos)
    return rendered / (time.monotonic() - began)
