"""A program (see program.py): for one photo after the other GET, render, PUT, in one process or in a pool of them."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from multiprocessing import get_context

from raythumbs import __version__
from raythumbs.bench.local_service import orderly_end
from raythumbs.bench.servers import die_with_parent
from raythumbs.bench.throughput.contest import Contest
from raythumbs.imaging import Limits, render
from raythumbs.model.photo import RenditionSpec
from raythumbs.storage.s3 import S3Store, s3_client

_FETCH_SECONDS = 60
Take = Callable[[str], float]


class InTurn:
    """What a process keeps from photo to photo."""

    def __init__(self, contest: Contest) -> None:
        client = s3_client(None, contest.endpoint)
        self._photos = S3Store(client, contest.bucket)
        self._made = S3Store(client, contest.made_bucket)
        self._spec = RenditionSpec(width=contest.pixels, height=contest.pixels, quality=contest.quality)

    def take(self, key: str) -> float:
        """Make the thumbnail of a photo; return when it was stored, by the machine's monotonic clock."""
        fetched = self._photos.get(key, max_bytes=1 << 40, seconds=_FETCH_SECONDS)
        with closing(fetched.file):
            [made] = render(fetched.file, [self._spec], Limits()).renditions
        self._made.put(key, made.data, self._spec.format.content_type)
        return time.monotonic()


_kept: dict[Contest, InTurn] = {}  # a pool's process's own, which is never more than one


def take(contest: Contest, key: str) -> float:
    """Do the same with what this process keeps for the contest."""
    if contest not in _kept:
        _kept[contest] = InTurn(contest)
    return _kept[contest].take(key)


@contextmanager
def _one_process(contest: Contest) -> Iterator[Callable[[Iterable[str]], Iterable[float]]]:
    yield partial(map, InTurn(contest).take)


@contextmanager
def _pool(contest: Contest) -> Iterator[Callable[[Iterable[str]], Iterable[float]]]:
    context = get_context("spawn")
    with ProcessPoolExecutor(contest.workers, mp_context=context, initializer=die_with_parent) as pool:
        yield partial(pool.map, partial(take, contest))


def main() -> None:
    """Take part, as `one` process or as a `pool`."""
    contest = Contest.read()
    way = _pool if sys.argv[1] == "pool" else _one_process
    with orderly_end(), way(contest) as take_all:
        list(take_all(contest.warm_up))
        print(json.dumps({"version": __version__}), flush=True)
        sys.stdin.readline()
        began = time.monotonic()
        print(json.dumps({"done": [ended - began for ended in take_all(contest.keys)]}), flush=True)


if __name__ == "__main__":
    main()
