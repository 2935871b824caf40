"""Ray Data: the photos are items, which three maps fetch, render (with raythumbs' imaging) and store.

Fetching and storing have CPUs of their own beside the cores', since they mostly wait: so they overlap with rendering.
"""

import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import contest as peers
import ray

from raythumbs.imaging import Limits, render
from raythumbs.model.photo import RenditionSpec

_STORE_BYTES = 2 * 1024**3
_WAITING_CPUS = 0.125  # of a task that mostly waits
_PHOTOS_A_BLOCK = 4

Item = dict[str, Any]
_buckets: dict[tuple[str, str], peers.Bucket] = {}  # a worker process's own


def _bucket(endpoint: str, name: str) -> peers.Bucket:
    return _buckets.setdefault((endpoint, name), peers.Bucket(endpoint, name))


def _fetch(item: Item, asked: SimpleNamespace) -> Item:
    return item | {"data": _bucket(asked.endpoint, asked.bucket).get(item["key"])}


def _render(item: Item, asked: SimpleNamespace) -> Item:
    spec = RenditionSpec(width=asked.pixels, height=asked.pixels, quality=asked.quality)
    return item | {"data": render(item["data"], [spec], Limits()).renditions[0].data}


def _store(item: Item, asked: SimpleNamespace) -> Item:
    _bucket(asked.endpoint, asked.made_bucket).put(item["key"], item["data"])
    return {"stored": time.monotonic()}


def _take_all(keys: Sequence[str], asked: SimpleNamespace) -> Iterable[float]:
    items = ray.data.from_items([{"key": key} for key in keys], override_num_blocks=-(-len(keys) // _PHOTOS_A_BLOCK))
    fetched = items.map(partial(_fetch, asked=asked), num_cpus=_WAITING_CPUS)
    rendered = fetched.map(partial(_render, asked=asked), num_cpus=1)
    stored = rendered.map(partial(_store, asked=asked), num_cpus=_WAITING_CPUS)
    return [item["stored"] for item in stored.take_all()]


def main() -> None:
    """Take part, on a Ray of its own."""
    os.environ["RAY_DATA_DISABLE_PROGRESS_BARS"] = "1"
    asked = peers.read()
    with tempfile.TemporaryDirectory(prefix="rt-peer-", dir="/tmp") as folder:
        ray.init(
            address="local", num_cpus=asked.workers + 1, object_store_memory=_STORE_BYTES, include_dashboard=False,
            log_to_driver=False, _temp_dir=folder,
        )  # fmt: skip
        try:
            few = SimpleNamespace(**vars(asked) | {"keys": [], "warm_up": []})  # it travels with every task
            peers.take_part(f"Ray {ray.__version__}", asked, partial(_take_all, asked=few))
        finally:
            ray.shutdown()


if __name__ == "__main__":
    main()
