"""libvips: a process per core, and in each some threads that fetch, shrink and store: no core waits for the store."""

import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from types import SimpleNamespace

os.environ["VIPS_CONCURRENCY"] = "1"  # read when the library is loaded: the processes are the concurrency

import contest as peers
import pyvips

_THREADS = 32  # a process, as many as our workers have; libvips lets the others fetch meanwhile

_taken = None  # how many photos somebody has taken, of all processes


def _join(taken, together, asked: SimpleNamespace) -> None:  # noqa: ANN001 of multiprocessing's context
    global _taken, _photos, _made  # noqa: PLW0603 what a pool's process keeps
    _taken = taken
    _photos, _made = (peers.Bucket(asked.endpoint, name) for name in (asked.bucket, asked.made_bucket))
    pyvips.cache_set_max(0)
    together.wait()


def _share(keys: Sequence[str], asked: SimpleNamespace) -> list[float]:
    """Take photos that nobody has taken, until there are none."""
    with ThreadPoolExecutor(_THREADS) as threads:
        several = [threads.submit(_take_some, keys, asked) for _ in range(_THREADS)]
        return [stored for one in several for stored in one.result()]


def _take_some(keys: Sequence[str], asked: SimpleNamespace) -> list[float]:
    stored = []
    while True:
        with _taken.get_lock():
            number = _taken.value
            _taken.value += 1
        if number >= len(keys):
            return stored
        picture = pyvips.Image.thumbnail_buffer(
            _photos.get(keys[number]), asked.pixels, height=asked.pixels, size="down"
        )
        _made.put(keys[number], picture.write_to_buffer(".jpg", Q=asked.quality, keep="none"))
        stored.append(time.monotonic())


def main() -> None:
    """Take part."""
    asked = peers.read()
    context = get_context("spawn")
    taken, together = context.Value("q", 0), context.Barrier(asked.workers)
    with ProcessPoolExecutor(
        asked.workers, mp_context=context, initializer=_join, initargs=(taken, together, asked)
    ) as pool:

        def take_all(keys: Sequence[str]) -> Iterable[float]:
            taken.value = 0
            return [
                stored for share in pool.map(partial(_share, asked=asked), [keys] * asked.workers) for stored in share
            ]

        peers.take_part(".".join(str(pyvips.version(part)) for part in range(3)), asked, take_all)


if __name__ == "__main__":
    main()
