"""Which tests run in one process, one after the other, when pytest runs several at a time (`pytest -n 2`).

Tests that start Ray, or a service, need the cores. They make three groups, which run beside each other, and a Ray
that several tests share is started once. Every other file is a group of its own.
"""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# In the order in which the groups begin. The first two take longest, so they begin before the many short files.
_BEFORE = {"tests/cluster/": "cluster", "tests/service/": "service"}
_AFTER = {"tests/bench/": "bench", "tests/test_notebook.py": "bench"}


class ByGroup(LoadScopeScheduling):
    """Gives each process a group at a time, in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByGroup:
    config.option.loadscopereorder = False  # the order of `pytest_collection_modifyitems` stays
    return ByGroup(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _place(group_of(item.nodeid)))


def group_of(nodeid: str) -> str:
    """Return the group of a test: one of the groups above, or its file."""
    named = (group for files, group in (_BEFORE | _AFTER).items() if nodeid.startswith(files))
    return next(named, nodeid.partition("::")[0])


def _place(group: str) -> int:
    """Return the place of a group; the order of the tests in a group stays."""
    before = list(_BEFORE.values())
    return before.index(group) if group in before else len(before) + (group in _AFTER.values())
