"""Tests hand in what they change; they do not patch what a module of raythumbs calls private."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PRIVATE = r"_(?!_)\w+"
PATCH = re.compile(
    rf"""
    (setattr|setitem|delattr|patch(\.\w+)?)\(\s*  # with the private name as a part of an address,
        (["']raythumbs[\w.]*\.{PRIVATE}|[\w.]*\.{PRIVATE}|[\w.]+,\s*["']{PRIVATE})  # of an object, or by itself
    | ^\s*(?!self\b|cls\b)\w[\w.]*\.{PRIVATE}(:[^=\n]+)?\s*[-+|&]?=[^=]  # an assignment to another's attribute
    """,
    re.VERBOSE | re.MULTILINE,
)


@pytest.mark.parametrize(
    "patch",
    [
        'monkeypatch.setattr("raythumbs.queue.janitor._ROWS", 3)',
        'monkeypatch.setattr(\n    "raythumbs.queue.janitor._ROWS.x", 3)',
        'monkeypatch.setattr(janitor, "_ROWS", 3)',
        'monkeypatch.setattr(stages._sandbox, "give", give)',
        'setattr(janitor, "_ROWS", 3)',
        'patch("raythumbs.queue.janitor._ROWS", 3)',
        'patch.object(janitor, "_ROWS", 3)',
        "    janitor._ROWS = 3",
        "sandbox._child: object = None",
    ],
)
def test_a_patch_of_a_private_name_is_found(patch):
    assert PATCH.search(patch)


@pytest.mark.parametrize(
    "no_patch", ["self._queue = queue", "_ROWS = 3", "assert janitor._ROWS == 3", 'setenv("_RAYTHUMBS_LISTENER", x)']
)
def test_what_a_test_does_with_its_own_names_is_no_patch(no_patch):
    assert not PATCH.search(no_patch)


def test_no_test_patches_a_private_name():
    tests = {path: path.read_text(encoding="utf-8") for path in TESTS.rglob("*.py") if path != Path(__file__)}

    patches = {path: found[0].strip() for path, text in tests.items() if (found := PATCH.search(text))}

    assert not patches
