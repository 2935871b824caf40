"""The old way, to compare with: one photo after the other, in one process, on one core."""

import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from raythumbs.errors import RaythumbsError
from raythumbs.imaging import Limits, render
from raythumbs.model.photo import RenditionSpec
from raythumbs.storage.files import FileStore


def sequential_seconds(photos: Sequence[Path], thumbnails: Path, specs: Sequence[RenditionSpec]) -> float:
    """Fetch, render and store every photo in turn, with the service's own code; return the seconds it took."""
    limits = Limits()
    store = FileStore(thumbnails)
    began = time.perf_counter()
    for number, photo in enumerate(photos):
        try:
            fetched = FileStore(photo.parent).get(photo.name, max_bytes=1 << 40, seconds=60)
            with closing(fetched.file):
                rendered = render(fetched.file, specs, limits)
        except RaythumbsError:
            continue  # the service has told of it
        for one in rendered.renditions:
            store.put(f"{number}-{one.spec.name}.{one.spec.format.extension}", one.data, one.spec.format.content_type)
    return time.perf_counter() - began
