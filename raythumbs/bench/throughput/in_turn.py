"""A program (see contestants.py): for one photo after the other GET, render, PUT, in one process or in a pool."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from functools import cache, partial
from multiprocessing import get_context

from raythumbs import __version__
from raythumbs.bench.local_service import die_with_parent, orderly_end
from raythumbs.bench.throughput.contest import Contest
from raythumbs.imaging import Limits, render
from raythumbs.model.photo import RenditionSpec
from raythumbs.storage.s3 import S3Store, s3_client

_FETCH_SECONDS = 60


def take(contest: Contest, key: str) -> float:
    """Make the thumbnail of a photo; return when it was stored, by the machine's monotonic clock."""
    photos, thumbnails, spec = _tools(contest)
    fetched = photos.get(key, max_bytes=1 << 40, seconds=_FETCH_SECONDS)
    with closing(fetched.file):
        [made] = render(fetched.file, [spec], Limits()).renditions
    thumbnails.put(key, made.data, spec.format.content_type)
    return time.monotonic()


@cache
def _tools(contest: Contest) -> tuple[S3Store, S3Store, RenditionSpec]:
    """Return what a process keeps from photo to photo."""
    client = s3_client(None, contest.endpoint)
    spec = RenditionSpec(width=contest.pixels, height=contest.pixels, quality=contest.quality)
    return S3Store(client, contest.bucket), S3Store(client, contest.made_bucket), spec


@contextmanager
def _each(way: str, contest: Contest) -> Iterator[Callable[[Iterable[str]], Iterable[float]]]:
    if way == "one":
        yield partial(map, partial(take, contest))
        return
    context = get_context("spawn")
    with ProcessPoolExecutor(contest.workers, mp_context=context, initializer=die_with_parent) as pool:
        yield partial(pool.map, partial(take, contest))


def main() -> None:
    """Take part, as `one` process or as a `pool`."""
    contest = Contest.read()
    with orderly_end(), _each(sys.argv[1], contest) as take_all:
        list(take_all(contest.warm_up))
        print(json.dumps({"version": __version__}), flush=True)
        sys.stdin.readline()
        began = time.monotonic()
        print(json.dumps({"done": [ended - began for ended in take_all(contest.keys)]}), flush=True)


if __name__ == "__main__":
    main()
