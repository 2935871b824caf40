"""The promises of the Store protocol, tested on every store."""

import os
import resource
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as some

from raythumbs.errors import NoSuchObject, SourceNotAllowed, StoreUnavailable, TooLarge
from raythumbs.model.source import Source
from raythumbs.settings import load_settings
from raythumbs.storage.stores import stores_of

SEGMENT = some.text(
    some.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="/"), min_size=1, max_size=60
).filter(lambda text: text not in {".", ".."} and text == text.strip())
KEYS = some.lists(SEGMENT, min_size=1, max_size=3).map("/".join)
SLOW = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def content(store, key: str) -> bytes:
    fetched = store.get(key, max_bytes=1 << 30, seconds=10)
    with closing(fetched.file):
        return fetched.file.read()


def our_open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def a_full_disk() -> Iterator[None]:
    """No file of this process can grow beyond 10,000 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@SLOW
@given(key=KEYS, data=some.binary(max_size=4000))
def test_an_object_is_read_as_it_was_stored(store, key, data):
    key = f"{uuid.uuid4().hex}/{key}"

    store.put(key, data, "image/jpeg")

    assert content(store, key) == data
    assert store.head(key).size_bytes == len(data)


@pytest.mark.parametrize(
    "key", ["a b.jpg", "1+1.jpg", "100%25.jpg", "grüße/写真.jpg", "?#&=.jpg", "-rf", "~", "x" * 200, ".unfinished.jpg"]
)
def test_a_key_may_have_unusual_characters(store, key):
    store.put(key, b"photo", "image/jpeg")

    assert content(store, key) == b"photo"
    assert [stat.key for stat in store.list()] == [key]


def test_the_last_put_counts_and_changes_the_version(store):
    store.put("a.jpg", b"old", "image/jpeg")
    old = store.head("a.jpg").version

    store.put("a.jpg", b"newer", "image/jpeg")

    assert content(store, "a.jpg") == b"newer"
    assert store.head("a.jpg").version != old


def test_get_returns_the_size_and_version_of_head(store):
    store.put("a.jpg", b"photo", "image/jpeg")

    fetched = store.get("a.jpg", max_bytes=5, seconds=10)

    with closing(fetched.file):
        assert os.fstat(fetched.file.fileno()).st_size == fetched.size_bytes == 5
        assert os.lseek(fetched.file.fileno(), 0, os.SEEK_CUR) == 0
    assert fetched.version == store.head("a.jpg").version


def test_an_object_that_is_overwritten_is_read_old_or_new_and_never_mixed(store):
    photos = {letter * length for letter, length in ((b"a", 300_000), (b"b", 200_000), (b"c", 300_000))}
    store.put("a.jpg", b"a" * 300_000, "image/jpeg")
    seen, done = set(), threading.Event()

    def look() -> None:
        while not done.is_set():
            with suppress(StoreUnavailable):  # moto answers 500 if it reads what it is just replacing
                seen.add(content(store, "a.jpg"))

    reader = threading.Thread(target=look)
    reader.start()
    for photo in [*photos] * 10:
        store.put("a.jpg", photo, "image/jpeg")
    done.set()
    reader.join()

    assert seen
    assert seen <= photos


def test_an_object_over_the_limit_is_not_read(store):
    store.put("a.jpg", b"123456", "image/jpeg")

    with pytest.raises(TooLarge, match="has 6 bytes; at most 5"):
        store.get("a.jpg", max_bytes=5, seconds=10)


def test_a_missing_object_raises_no_such_object(store):
    for ask in (store.head, lambda key: store.get(key, max_bytes=9, seconds=9)):
        with pytest.raises(NoSuchObject, match=r"none\.jpg"):
            ask("none.jpg")


def test_a_failed_get_leaves_no_descriptor_open(store):
    store.put("folder/a.jpg", b"123456", "image/jpeg")
    for key in ("none.jpg", "folder", "folder/a.jpg"):  # the first time, a connection is made and kept
        with pytest.raises((NoSuchObject, TooLarge)):
            store.get(key, max_bytes=5, seconds=9)
    before = our_open_files()

    for key in ("none.jpg", "folder", "folder/a.jpg"):
        with pytest.raises((NoSuchObject, TooLarge)):
            store.get(key, max_bytes=5, seconds=9)

    assert our_open_files() <= before


@pytest.mark.parametrize("key", ["folder", "folder/a.jpg/b.jpg", "x" * 300])
def test_a_key_that_only_resembles_an_object_is_missing_and_may_be_deleted(store, key):
    store.put("folder/a.jpg", b"photo", "image/jpeg")

    for ask in (store.head, lambda key: store.get(key, max_bytes=9, seconds=9)):
        with pytest.raises(NoSuchObject):
            ask(key)
    store.delete(key)

    assert [stat.key for stat in store.list()] == ["folder/a.jpg"]


def test_deleting_once_or_twice_leaves_nothing(store):
    store.put("folder/a.jpg", b"photo", "image/jpeg")

    store.delete("folder/a.jpg")
    store.delete("folder/a.jpg")

    assert list(store.list()) == []


def test_a_list_is_in_the_order_of_keys_and_keeps_to_its_prefix(store):
    for key in ("b/2.jpg", "a.jpg", "b/1.jpg", "c.jpg"):
        store.put(key, key.encode(), "image/jpeg")

    assert [stat.key for stat in store.list()] == ["a.jpg", "b/1.jpg", "b/2.jpg", "c.jpg"]
    assert [(stat.key, stat.size_bytes) for stat in store.list("b/")] == [("b/1.jpg", 7), ("b/2.jpg", 7)]


@settings(SLOW, max_examples=10)
@given(keys=some.sets(KEYS, min_size=2, max_size=5))
def test_a_list_is_in_the_order_of_keys_for_any_keys(store, keys):
    assume(not any(one.startswith(f"{other}/") for one in keys for other in keys))  # no file is a folder
    prefix = f"{uuid.uuid4().hex}/"
    for key in keys:
        store.put(prefix + key, key.encode(), "image/jpeg")

    listed = [stat.key.removeprefix(prefix) for stat in store.list(prefix)]

    assert listed == sorted(keys)


def test_a_dash_comes_before_a_slash_in_the_order_of_keys(store):
    for key in ("a/b.jpg", "a-b.jpg", "a.jpg"):
        store.put(key, b"photo", "image/jpeg")

    assert [stat.key for stat in store.list()] == ["a-b.jpg", "a.jpg", "a/b.jpg"]


def test_an_object_that_is_deleted_during_a_list_does_no_harm(store):
    for key in ("a.jpg", "b.jpg", "c.jpg"):
        store.put(key, b"photo", "image/jpeg")
    listing = store.list()

    first = next(listing)
    store.delete("b.jpg")

    assert {first.key, *(stat.key for stat in listing)} >= {"a.jpg", "c.jpg"}


def test_an_object_written_in_pieces_appears_when_it_is_complete(store):
    with store.create("a.jpg", "image/jpeg") as file:
        file.write(b"one ")
        with pytest.raises(NoSuchObject):
            store.head("a.jpg")
        file.write(b"two")

    assert content(store, "a.jpg") == b"one two"


def test_an_unfinished_object_never_appears(store):
    with pytest.raises(ZeroDivisionError), store.create("a.jpg", "image/jpeg") as file:
        file.write(b"half")
        raise ZeroDivisionError

    assert list(store.list()) == []


def test_an_unfinished_object_leaves_the_old_one_in_place(store):
    store.put("a.jpg", b"old", "image/jpeg")

    with pytest.raises(ZeroDivisionError), store.create("a.jpg", "image/jpeg") as file:
        file.write(b"half")
        raise ZeroDivisionError

    assert content(store, "a.jpg") == b"old"


def test_a_delete_beside_an_unfinished_object_does_no_harm(store):
    store.put("folder/old.jpg", b"old", "image/jpeg")

    with store.create("folder/new.jpg", "image/jpeg") as file:
        file.write(b"new")
        store.delete("folder/old.jpg")

    assert content(store, "folder/new.jpg") == b"new"


def test_a_full_disk_is_a_store_error_and_leaves_nothing(store):
    with a_full_disk(), pytest.raises(StoreUnavailable), store.create("a.jpg", "image/jpeg") as file:
        file.write(bytes(20_000))
        file.flush()

    assert list(store.list()) == []


def test_a_usable_store_passes_its_check(store):
    store.put("a.jpg", b"photo", "image/jpeg")

    store.check()


def test_a_source_is_read_in_its_allowed_folder_and_not_through_links_out_of_it(tmp_path):
    allowed, outside = tmp_path / "real" / "photos", tmp_path / "outside"
    allowed.mkdir(parents=True)
    outside.mkdir()
    (allowed / "a.jpg").write_bytes(b"photo")
    (outside / "secret").write_bytes(b"secret")
    (allowed / "link").symlink_to(outside / "secret")
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    stores = stores_of(
        load_settings(data_dir=tmp_path / "data", allowed_sources=(f"file://{tmp_path}/linked/photos/",))
    )

    store, key = stores.of(Source.parse(f"file://{tmp_path}/linked/photos/a.jpg"))
    assert content(store, key) == b"photo"
    store, key = stores.of(Source.parse(f"file://{tmp_path}/linked/photos/link"))
    with pytest.raises(NoSuchObject, match="leads out of"):
        content(store, key)
    with pytest.raises(SourceNotAllowed):
        stores.of(Source.parse(f"file://{outside}/secret"))


def test_where_every_file_may_be_read_every_link_is_followed(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"photo")
    (tmp_path / "link").symlink_to(tmp_path / "a.jpg")
    stores = stores_of(load_settings(data_dir=tmp_path / "data", allowed_sources=("file:///",)))

    store, key = stores.of(Source.parse(f"file://{tmp_path}/link"))

    assert content(store, key) == b"photo"
