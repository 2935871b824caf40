"""The store of the benchmarks is an S3 store to those who use it, and as far away as it was asked to be."""

import time
from collections.abc import Iterator

import pytest

from raythumbs.bench.latency_store import LatencyStore, latency_store, store_folder
from raythumbs.storage.s3 import S3Store, s3_client

LATENCY_MS = 40

pytestmark = pytest.mark.needs("nginx")


def got(store: S3Store, key: str) -> tuple[bytes, str | None]:
    fetched = store.get(key, max_bytes=10, seconds=5)
    with fetched.file:
        return fetched.file.read(), fetched.version


@pytest.fixture(scope="module")
def server(aws_credentials: None) -> Iterator[LatencyStore]:
    with store_folder() as folder, latency_store(folder, latency_ms=LATENCY_MS) as server:
        yield server


@pytest.fixture
def store(server: LatencyStore) -> S3Store:
    return S3Store(s3_client(None, server.endpoint), "photos")


def test_what_was_put_is_got_with_its_version_and_lies_in_the_buckets_folder(server, store):
    store.put("2026/cat.jpg", b"meow", "image/jpeg")

    data, version = got(store, "2026/cat.jpg")
    store.check()

    assert data == b"meow"
    assert version
    assert (server.bucket("photos") / "2026" / "cat.jpg").read_bytes() == b"meow"
    assert server.sizes_bytes("photos") == [4]


def test_what_lies_in_the_buckets_folder_is_got(server, store):
    (server.bucket("photos") / "dog.jpg").write_bytes(b"woof")

    assert got(store, "dog.jpg")[0] == b"woof"


def test_every_request_takes_as_long_as_the_store_is_far_away(store):
    store.put("near.jpg", b"", "image/jpeg")  # the connection is there now

    puts, gets = [], []
    for _ in range(3):  # other programs may need the processor meanwhile
        began = time.monotonic()
        store.put("far.jpg", b"far", "image/jpeg")
        put = time.monotonic()
        got(store, "far.jpg")
        puts.append(put - began)
        gets.append(time.monotonic() - put)

    assert min(*puts, *gets) >= (LATENCY_MS - 2) / 1000  # nginx goes by a clock of whole milliseconds
    assert max(min(puts), min(gets)) < (LATENCY_MS + 500) / 1000
