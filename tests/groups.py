"""Which tests run in one process, one after the other, when pytest runs several at a time (`pytest -n 3`).

Tests that start Ray, or a service, need the cores. They make three groups: at most three of them run at once, and a Ray
that several tests share is started once. Every other file is a group of its own.
"""

import pytest

# In the order in which the groups begin. The first two take longest, so they begin before the many short files.
_BEFORE = {"tests/cluster/": "cluster", "tests/service/": "service"}
_AFTER = {"tests/bench/": "bench", "tests/test_notebook.py": "bench"}


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=_place)


def _group(item: pytest.Item) -> str:
    return next((group for files, group in (_BEFORE | _AFTER).items() if item.nodeid.startswith(files)), _file(item))


def _place(item: pytest.Item) -> int:
    """Return the place of the item's group among the groups; the order of the tests in a group stays."""
    before = list(_BEFORE.values())
    group = _group(item)
    if group in before:
        return before.index(group)
    return len(before) + (group in _AFTER.values())


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]
