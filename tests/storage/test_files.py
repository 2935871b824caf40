import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from raythumbs.errors import AccessDenied, NoSuchObject, StoreUnavailable
from raythumbs.storage.files import FileStore


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "store")


def every_file(store: FileStore) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file()]


@pytest.fixture
def everyones() -> Iterator[FileStore]:
    """A store with one object, in a folder that every user can reach."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        store = FileStore(Path(folder) / "store")
        store.put("a.jpg", b"photo", "image/jpeg")
        yield store


@contextmanager
def without_rights(path: Path, mode: int) -> Iterator[None]:
    """Give the path that mode, and let this process not stand above such: root is nobody for a while."""
    was, user = path.stat().st_mode, os.geteuid()
    path.chmod(mode)
    if user == 0:
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(user)
        path.chmod(was)


@pytest.mark.parametrize("key", ["../secret", "a/../../secret", "/etc/passwd", "", ".", "a/..", "a\0b.jpg"])
def test_no_key_leads_out_of_the_folder(store, key):
    store.put("a/b.jpg", b"photo", "image/jpeg")
    (store.root.parent / "secret").write_bytes(b"secret")

    for verb in (
        lambda: store.get(key, max_bytes=99, seconds=9),
        lambda: store.head(key),
        lambda: store.path(key),
        lambda: store.delete(key),
        lambda: store.put(key, b"x", "image/jpeg"),
    ):
        with pytest.raises(NoSuchObject):
            verb()

    assert (store.root.parent / "secret").read_bytes() == b"secret"


def test_a_pipe_or_a_folder_is_no_object_and_nobody_waits_for_it(store):
    store.put("folder/a.jpg", b"photo", "image/jpeg")
    os.mkfifo(store.root / "pipe")

    for key in ("pipe", "folder"):
        for ask in (store.head, store.path, lambda key: store.get(key, max_bytes=99, seconds=9)):
            with pytest.raises(NoSuchObject):
                ask(key)
    assert [stat.key for stat in store.list()] == ["folder/a.jpg"]


def test_an_unfinished_file_leaves_not_even_a_hidden_one(store):
    with pytest.raises(ZeroDivisionError), store.create("a.jpg", "image/jpeg") as file:
        file.write(b"half")
        raise ZeroDivisionError

    assert every_file(store) == []


def test_a_folder_is_not_overwritten_and_what_was_refused_leaves_not_even_a_hidden_file(store):
    store.put("folder/a.jpg", b"photo", "image/jpeg")

    for key in ("folder", "folder/a.jpg/b.jpg"):
        with pytest.raises(StoreUnavailable, match="folder"):
            store.put(key, b"photo", "image/jpeg")

    assert every_file(store) == [store.root / "folder" / "a.jpg"]


def test_a_process_that_is_killed_while_it_writes_leaves_nothing(store):
    script = f"""
import os, signal
from pathlib import Path
from raythumbs.storage.files import FileStore
with FileStore(Path({str(store.root)!r})).create("a.jpg", "image/jpeg") as file:
    file.write(bytes(5_000_000))
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""

    killed = subprocess.run([sys.executable, "-c", script], check=False)

    assert killed.returncode == -9
    assert every_file(store) == []


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "store").write_text("not a folder")
    store = FileStore(tmp_path / "store")

    for verb in (store.check, lambda: store.put("a.jpg", b"photo", "image/jpeg")):
        with pytest.raises(StoreUnavailable, match=r"store.*: Not a directory"):
            verb()


def test_a_folder_without_the_right_to_write_is_told(everyones):
    with without_rights(everyones.root / ".unfinished", 0o555):
        for verb in (everyones.check, lambda: everyones.put("b.jpg", b"photo", "image/jpeg")):
            with pytest.raises(AccessDenied, match="store"):
                verb()

    assert [stat.key for stat in everyones.list()] == ["a.jpg"]


def test_a_photo_without_the_right_to_read_is_told(everyones):
    with without_rights(everyones.root / "a.jpg", 0o000), pytest.raises(AccessDenied, match=r"a\.jpg"):
        everyones.get("a.jpg", max_bytes=99, seconds=9)


def test_a_deleted_object_takes_its_empty_folders_with_it(store):
    store.put("a/b/c.jpg", b"photo", "image/jpeg")
    store.put("a/d.jpg", b"photo", "image/jpeg")

    store.delete("a/b/c.jpg")

    assert not (store.root / "a" / "b").exists()
    assert (store.root / "a" / "d.jpg").exists()


def test_an_address_of_a_file_can_be_opened_by_others(store):
    store.put("a b.jpg", b"photo", "image/jpeg")

    assert store.url("a b.jpg") == f"file://{store.root}/a b.jpg"
    assert store.path("a b.jpg").read_bytes() == b"photo"
    for key in ("none.jpg", "x" * 300):
        with pytest.raises(NoSuchObject):
            store.path(key)
