"""What every store promises, told once for all of them."""

import os
import uuid
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from raythumbs.errors import NoSuchObject, TooLarge

SEGMENT = some.text(
    some.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="/"), min_size=1, max_size=60
).filter(lambda text: text not in {".", ".."} and text == text.strip())
KEYS = some.lists(SEGMENT, min_size=1, max_size=3).map("/".join)
SLOW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def content(store, key: str) -> bytes:
    fetched = store.get(key, max_bytes=1 << 30, seconds=10)
    with closing(fetched.file):
        return fetched.file.read()


@SLOW
@given(key=KEYS, data=some.binary(max_size=4000))
def test_what_is_put_is_what_is_got(store, key, data):
    key = f"{uuid.uuid4().hex}/{key}"

    store.put(key, data, "image/jpeg")

    assert content(store, key) == data
    assert store.head(key).size_bytes == len(data)


@pytest.mark.parametrize(
    "key", ["a b.jpg", "1+1.jpg", "100%25.jpg", "grüße/写真.jpg", "?#&=.jpg", "-rf", "~", "x" * 200]
)
def test_a_key_may_be_ugly(store, key):
    store.put(key, b"photo", "image/jpeg")

    assert content(store, key) == b"photo"
    assert [stat.key for stat in store.list()] == [key]


def test_the_last_put_counts_and_changes_the_version(store):
    store.put("a.jpg", b"old", "image/jpeg")
    old = store.head("a.jpg").version

    store.put("a.jpg", b"newer", "image/jpeg")

    assert content(store, "a.jpg") == b"newer"
    assert store.head("a.jpg").version != old


def test_getting_tells_the_size_and_the_version_that_head_tells(store):
    store.put("a.jpg", b"photo", "image/jpeg")

    fetched = store.get("a.jpg", max_bytes=5, seconds=10)

    with closing(fetched.file):
        assert os.fstat(fetched.file.fileno()).st_size == fetched.size_bytes == 5
        assert os.lseek(fetched.file.fileno(), 0, os.SEEK_CUR) == 0
    assert fetched.version == store.head("a.jpg").version


def test_an_object_over_the_limit_is_not_read(store):
    store.put("a.jpg", b"123456", "image/jpeg")

    with pytest.raises(TooLarge, match="has 6 bytes; at most 5"):
        store.get("a.jpg", max_bytes=5, seconds=10)


def test_what_is_not_there_is_told(store):
    for ask in (store.head, lambda key: store.get(key, max_bytes=9, seconds=9)):
        with pytest.raises(NoSuchObject, match=r"none\.jpg"):
            ask("none.jpg")


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


def test_what_is_written_piece_by_piece_appears_when_it_is_whole(store):
    with store.create("a.jpg", "image/jpeg") as file:
        file.write(b"one ")
        with pytest.raises(NoSuchObject):
            store.head("a.jpg")
        file.write(b"two")

    assert content(store, "a.jpg") == b"one two"


def test_what_is_never_finished_never_appears(store):
    with pytest.raises(ZeroDivisionError), store.create("a.jpg", "image/jpeg") as file:
        file.write(b"half")
        raise ZeroDivisionError

    assert list(store.list()) == []


def test_what_is_never_finished_leaves_what_was_there(store):
    store.put("a.jpg", b"old", "image/jpeg")

    with pytest.raises(ZeroDivisionError), store.create("a.jpg", "image/jpeg") as file:
        file.write(b"half")
        raise ZeroDivisionError

    assert content(store, "a.jpg") == b"old"


def test_a_store_that_can_be_used_says_nothing(store):
    store.put("a.jpg", b"photo", "image/jpeg")

    store.check()
