"""One Ray task per photo, which does one thing after the other: GET, render, PUT."""

import tempfile
from collections.abc import Iterable, Sequence

import contest as peers
import ray

from raythumbs.bench.throughput.contest import Contest
from raythumbs.bench.throughput.in_turn import take

_STORE_BYTES = 128 * 1024 * 1024  # pictures do not go through it


def main() -> None:
    """Take part, on a Ray of its own."""
    asked = peers.read()
    with tempfile.TemporaryDirectory(prefix="rt-peer-", dir="/tmp") as folder:
        ray.init(
            address="local", num_cpus=asked.workers, object_store_memory=_STORE_BYTES, include_dashboard=False,
            log_to_driver=False, _temp_dir=folder,
        )  # fmt: skip
        try:
            remote_take = ray.remote(num_cpus=1)(take)
            contest = ray.put(Contest(**vars(asked) | {"keys": (), "warm_up": ()}))  # each worker reads it once

            def take_all(keys: Sequence[str]) -> Iterable[float]:
                return ray.get([remote_take.remote(contest, key) for key in keys])

            peers.take_part(f"Ray {ray.__version__}", asked, take_all)
        finally:
            ray.shutdown()


if __name__ == "__main__":
    main()
