"""Ray Data: batches of addresses, each mapped by a task that fetches, renders (with raythumbs' imaging) and stores.

Threads in the task do it for several photos at a time, so that no core waits for the store. As three maps, with the
photos' bytes from task to task through Ray's object store, it took several times the CPU.
"""

import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace

import contest as peers
import numpy as np
import ray

from raythumbs.imaging import Limits, render
from raythumbs.model.photo import RenditionSpec

_STORE_BYTES = 256 * 1024 * 1024  # pictures do not go through it
_PHOTOS_A_BATCH = 8
_THREADS = 4

Column = dict[str, np.ndarray]


def _make(batch: Column, asked: SimpleNamespace) -> Column:
    photos, made = (peers.Bucket(asked.endpoint, name) for name in (asked.bucket, asked.made_bucket))
    spec = RenditionSpec(width=asked.pixels, height=asked.pixels, quality=asked.quality)

    def make_one(key: str) -> float:
        [thumbnail] = render(photos.get(key), [spec], Limits()).renditions
        made.put(key, thumbnail.data)
        return time.monotonic()

    with ThreadPoolExecutor(_THREADS) as threads:
        return {"stored": np.array(list(threads.map(make_one, batch["key"])))}


def main() -> None:
    """Take part, on a Ray of its own."""
    os.environ["RAY_DATA_DISABLE_PROGRESS_BARS"] = "1"
    asked = peers.read()
    with tempfile.TemporaryDirectory(prefix="rt-peer-", dir="/tmp") as folder:
        ray.init(
            address="local", num_cpus=asked.workers, object_store_memory=_STORE_BYTES, include_dashboard=False,
            log_to_driver=False, _temp_dir=folder,
        )  # fmt: skip
        try:
            few = SimpleNamespace(**vars(asked) | {"keys": [], "warm_up": []})  # it travels with every task

            def take_all(keys: Sequence[str]) -> Iterable[float]:
                batches = -(-len(keys) // _PHOTOS_A_BATCH)
                items = ray.data.from_items([{"key": key} for key in keys], override_num_blocks=batches)
                return [
                    item["stored"]
                    for item in items.map_batches(partial(_make, asked=few), batch_size=_PHOTOS_A_BATCH).take_all()
                ]

            peers.take_part(f"Ray {ray.__version__}", asked, take_all)
        finally:
            ray.shutdown()


if __name__ == "__main__":
    main()
