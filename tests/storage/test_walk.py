"""A folder is walked in the order of its keys."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raythumbs.storage.walk import walk

NAME = st.text("ab.-0é", min_size=1, max_size=3).filter(lambda name: name not in {".", ".."})
KEY = st.lists(NAME, min_size=1, max_size=4).map("/".join)


@given(
    st.sets(KEY, max_size=12),
    st.one_of(KEY, st.just("")),
    st.one_of(KEY, KEY.map(lambda key: key + "/"), st.just("")),
)
def test_it_yields_what_sorting_all_keys_yields(keys, prefix, after):
    with TemporaryDirectory() as name:
        made = set()
        for key in keys:
            path = Path(name, key)
            if not path.exists() and not any(Path(name, *path.parts[:n]).is_file() for n in range(len(path.parts))):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"")
                made.add(key)

        found = list(walk(Path(name), prefix=prefix, after=after))

    assert found == sorted(key for key in made if key > after and key.startswith(prefix))


def test_a_folder_that_is_not_there_has_nothing(tmp_path):
    assert list(walk(tmp_path / "none")) == []


@pytest.fixture
def deep_path(tmp_path):
    """A folder that is removed at once: pytest removes old folders recursively, and fails on deep ones."""
    yield tmp_path
    subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)


def test_deep_folders_are_walked(deep_path):
    deep = deep_path.joinpath(*["d"] * 1500)
    for depth in range(0, 1500, 100):
        deep_path.joinpath(*["d"] * (depth + 100)).mkdir(parents=True, exist_ok=True)
    (deep / "a.jpg").write_bytes(b"")

    assert [len(key) for key in walk(deep_path)] == [3005]


def test_links_to_folders_are_not_followed(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.jpg").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "a" / "b.jpg")

    assert list(walk(tmp_path)) == ["a/b.jpg", "link.jpg"]
