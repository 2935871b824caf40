import os
import subprocess
import sys
from pathlib import Path

import pytest

from raythumbs.errors import NoSuchObject, StoreUnavailable
from raythumbs.storage.files import FileStore


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "store")


def every_file(store: FileStore) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file()]


@pytest.mark.parametrize("key", ["../secret", "a/../../secret", "/etc/passwd", "", ".", "a/.."])
def test_no_key_leads_out_of_the_folder(store, key):
    store.put("a/b.jpg", b"photo", "image/jpeg")
    (store.root.parent / "secret").write_bytes(b"secret")

    for verb in (lambda: store.get(key, max_bytes=99, seconds=9), lambda: store.put(key, b"x", "image/jpeg")):
        with pytest.raises(NoSuchObject):
            verb()

    assert (store.root.parent / "secret").read_bytes() == b"secret"


def test_a_pipe_or_a_folder_is_no_object_and_nobody_waits_for_it(store):
    store.put("folder/a.jpg", b"photo", "image/jpeg")
    os.mkfifo(store.root / "pipe")

    for key in ("pipe", "folder"):
        with pytest.raises(NoSuchObject):
            store.get(key, max_bytes=99, seconds=9)


def test_an_unfinished_file_leaves_not_even_a_hidden_one(store):
    with pytest.raises(ZeroDivisionError), store.create("a.jpg", "image/jpeg") as file:
        file.write(b"half")
        raise ZeroDivisionError

    assert every_file(store) == []


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
        with pytest.raises(StoreUnavailable, match="store"):
            verb()


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
    with pytest.raises(NoSuchObject):
        store.path("none.jpg")
