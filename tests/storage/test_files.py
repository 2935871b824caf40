import os
import pwd
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
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
    """Give the path that mode. If this process is root, become nobody meanwhile, so that the mode counts."""
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
        lambda: store.delete(key),
        lambda: store.put(key, b"x", "image/jpeg"),
    ):
        with pytest.raises(NoSuchObject):
            verb()

    assert (store.root.parent / "secret").read_bytes() == b"secret"


def test_no_link_leads_out_of_the_folder(store, tmp_path):
    store.put("a/b.jpg", b"photo", "image/jpeg")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (outside / "empty").mkdir()
    (store.root / "a" / "file").symlink_to(outside / "secret")
    (store.root / "folder").symlink_to(outside)
    (store.root / "above").symlink_to("..")

    for key in ("a/file", "folder/secret", "above/outside/secret"):
        for ask in (store.head, lambda key: store.get(key, max_bytes=99, seconds=9)):
            with pytest.raises(NoSuchObject, match="leads out of"):
                ask(key)
    for key in ("folder/secret", "folder/new", "folder/new/new", "above/outside/new"):
        with pytest.raises(NoSuchObject, match="leads out of"):
            store.put(key, b"x", "image/jpeg")
    for key in ("folder/secret", "folder/empty/none", "above/outside/secret"):
        store.delete(key)

    assert (outside / "secret").read_bytes() == b"secret"
    assert sorted(path.name for path in outside.iterdir()) == ["empty", "secret"]
    assert [found.key for found in store.list()] == ["a/b.jpg"]


def test_put_and_delete_affect_a_link_itself_and_not_its_target(store, tmp_path):
    store.put("a.jpg", b"photo", "image/jpeg")
    (tmp_path / "secret").write_bytes(b"secret")
    for name in ("b.jpg", "c.jpg"):
        (store.root / name).symlink_to(tmp_path / "secret")

    store.put("b.jpg", b"new", "image/jpeg")
    store.delete("c.jpg")

    assert (tmp_path / "secret").read_bytes() == b"secret"
    assert [found.key for found in store.list()] == ["a.jpg", "b.jpg"]


def test_unfinished_files_are_not_written_where_a_link_leads(store, tmp_path):
    (tmp_path / "outside").mkdir()
    store.root.mkdir()
    (store.root / ".unfinished").symlink_to(tmp_path / "outside")

    for verb in (store.check, lambda: store.put("a.jpg", b"photo", "image/jpeg")):
        with pytest.raises(NoSuchObject, match="leads out of"):
            verb()


def test_links_within_the_folder_and_to_the_folder_are_followed(store, tmp_path):
    store.put("a/b.jpg", b"photo", "image/jpeg")
    (store.root / "linked").symlink_to("a")
    (tmp_path / "elsewhere").symlink_to(store.root)
    same = FileStore(tmp_path / "elsewhere")

    assert same.head("linked/b.jpg").version == store.head("a/b.jpg").version
    same.put("linked/c.jpg", b"photo", "image/jpeg")
    assert store.head("a/c.jpg").size_bytes == 5


@contextmanager
def swapped_all_the_time(link: Path, *targets: Path) -> Iterator[None]:
    """Have a link that leads to each of the targets in turn, as fast as a thread can change it."""
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for target in targets:
                new = link.with_name("new")
                new.symlink_to(target)
                new.replace(link)

    link.symlink_to(targets[0])
    with ThreadPoolExecutor(1) as swapping:
        swapped = swapping.submit(swap)
        try:
            yield
        finally:
            stop.set()
            swapped.result()


def test_a_link_that_changes_all_the_time_is_never_followed_out(store, tmp_path):
    store.put("a.jpg", b"photo", "image/jpeg")
    (tmp_path / "secret").write_bytes(b"secret")

    got = set()
    with swapped_all_the_time(store.root / "link", store.root / "a.jpg", tmp_path / "secret"):
        for _ in range(2000):
            with suppress(NoSuchObject), closing(store.get("link", max_bytes=99, seconds=9).file) as file:
                got.add(file.read())

    assert got <= {b"photo"}


def test_nothing_is_written_or_deleted_through_a_folder_that_changes_all_the_time(store, tmp_path):
    outside, photos = tmp_path / "outside", store.root / "photos"
    outside.mkdir()
    photos.mkdir(parents=True)
    (outside / "a.jpg").write_bytes(b"secret")

    with swapped_all_the_time(store.root / "link", photos, outside):
        for _ in range(200):
            with suppress(NoSuchObject, StoreUnavailable):
                store.put("link/a.jpg", b"photo", "image/jpeg")
            store.delete("link/a.jpg")

    assert {path.name: path.read_bytes() for path in outside.iterdir()} == {"a.jpg": b"secret"}


def test_a_file_gets_no_name_where_a_link_leads_that_came_while_it_was_written(store, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    before = outside.stat().st_mtime_ns

    with pytest.raises(NoSuchObject, match="leads out of"), store.create("a.jpg", "image/jpeg") as file:
        file.write(b"photo")
        (store.root / ".unfinished").rename(store.root / "moved")
        (store.root / ".unfinished").symlink_to(outside)

    assert outside.stat().st_mtime_ns == before
    assert every_file(store) == []


def test_what_lies_outside_is_not_even_opened(everyones):
    secret = everyones.root.parent / "secret"
    secret.write_bytes(b"secret")
    (everyones.root / "link").symlink_to(secret)

    with without_rights(secret, 0o000), pytest.raises(NoSuchObject, match="leads out of"):  # not "permission denied"
        everyones.get("link", max_bytes=99, seconds=9)


def test_a_pipe_or_a_folder_is_no_object_and_does_not_block(store):
    store.put("folder/a.jpg", b"photo", "image/jpeg")
    os.mkfifo(store.root / "pipe")

    for key in ("pipe", "folder"):
        for ask in (store.head, lambda key: store.get(key, max_bytes=99, seconds=9)):
            with pytest.raises(NoSuchObject):
                ask(key)
    assert [found.key for found in store.list()] == ["folder/a.jpg"]


def test_an_unfinished_file_leaves_no_hidden_file(store):
    with pytest.raises(ZeroDivisionError), store.create("a.jpg", "image/jpeg") as file:
        file.write(b"half")
        raise ZeroDivisionError

    assert every_file(store) == []


def test_a_folder_is_not_overwritten_and_the_refusal_leaves_no_hidden_file(store):
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


def test_a_file_in_place_of_the_folder_is_reported(tmp_path):
    (tmp_path / "store").write_text("not a folder")
    store = FileStore(tmp_path / "store")

    for verb in (store.check, lambda: store.put("a.jpg", b"photo", "image/jpeg")):
        with pytest.raises(StoreUnavailable, match=r"store.*: Not a directory"):
            verb()


def test_a_read_only_folder_is_reported(everyones):
    with without_rights(everyones.root / ".unfinished", 0o555):
        for verb in (everyones.check, lambda: everyones.put("b.jpg", b"photo", "image/jpeg")):
            with pytest.raises(AccessDenied, match="store"):
                verb()

    assert [found.key for found in everyones.list()] == ["a.jpg"]


def test_an_unreadable_photo_is_reported(everyones):
    with without_rights(everyones.root / "a.jpg", 0o000), pytest.raises(AccessDenied, match=r"a\.jpg"):
        everyones.get("a.jpg", max_bytes=99, seconds=9)


def test_deleting_an_object_removes_its_empty_folders(store):
    store.put("a/b/c.jpg", b"photo", "image/jpeg")
    store.put("a/d.jpg", b"photo", "image/jpeg")

    store.delete("a/b/c.jpg")

    assert not (store.root / "a" / "b").exists()
    assert (store.root / "a" / "d.jpg").exists()


def test_an_address_of_a_file_can_be_opened_by_others(store):
    store.put("a b.jpg", b"photo", "image/jpeg")

    assert store.url("a b.jpg") == f"file://{store.root}/a b.jpg"
    assert Path(store.url("a b.jpg").removeprefix("file://")).read_bytes() == b"photo"


@pytest.mark.parametrize("key", ["none.jpg", "x" * 300])
def test_what_is_not_there_is_told(store, key):
    store.put("a.jpg", b"photo", "image/jpeg")

    for ask in (store.head, lambda key: store.get(key, max_bytes=99, seconds=9)):
        with pytest.raises(NoSuchObject):
            ask(key)


@pytest.mark.parametrize(("umask", "file", "folder"), [(0o077, 0o600, 0o700), (0o022, 0o644, 0o755)])
def test_files_and_folders_have_the_permissions_of_the_umask(store, umask, file, folder):
    before = os.umask(umask)
    try:
        store.put("a/b/c.jpg", b"photo", "image/jpeg")
        with store.create("a/d.jpg", "image/jpeg") as written:
            written.write(b"photo")
    finally:
        os.umask(before)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (store.root, *store.root.rglob("*"))}
    assert {modes.pop(name) for name in ("c.jpg", "d.jpg")} == {file}
    assert set(modes.values()) == {folder}
