"""Which tests run in one process, one after the other, when pytest runs several at a time (`pytest -n 3`).

Tests that start Ray mostly wait, and a Ray that several tests share is started once. They make a few groups, which
begin first because they take longest. Those of pages share a Chromium. Every other file is a group of its own. One
process keeps to the groups without Ray as long as there are any: they use the cores while the others wait.
"""

from collections.abc import Sequence
from typing import Any

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

# In the order in which the groups begin. A test belongs to the first group that its name begins with.
_WITH_RAY = {
    "deploys": (
        "tests/service/test_deploys.py",
        "tests/service/test_running_ray.py",
        "tests/service/test_gcs_restart.py",
    ),
    "ray up": ("tests/cluster/test_ray_up.py",),
    "ends": ("tests/service/test_losses.py", "tests/service/test_demo.py", "tests/service/test_other_users.py"),
    "benches": ("tests/bench/", "tests/test_notebook.py"),
    "autoscaling": ("tests/cluster/test_autoscaling.py",),
    "cluster": ("tests/cluster/",),
    "service": ("tests/service/",),
}
_GROUPS = _WITH_RAY | {
    "chromium": (
        "tests/web/test_page_in_chromium.py",
        "tests/web/test_pages_in_chromium.py",
        "tests/web/test_docs_page.py",
    ),
}


class ByGroup(LoadScopeScheduling):
    """Gives each process a group at a time, in the order of the tests; at most all but one work on groups with Ray."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        super().add_node_collection(node, collection)
        if node in self.registered_collections:
            self.registered_collections[node] = _Collection(collection)

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        super().mark_test_complete(node, item_index, duration)
        assigned = self.assigned_work[node]
        group = group_of(self.registered_collections[node][item_index])
        if all(assigned[group].values()):
            del assigned[group]  # else all that a process has ever done would be counted after each test

    def _assign_work_unit(self, node: WorkerController) -> None:
        with_ray = sum(map(self._is_at_ray, self.nodes))
        if with_ray >= len(self.nodes) - 1:
            others = (group for group in self.workqueue if group not in _WITH_RAY)
            if first := next(others, None):
                self.workqueue.move_to_end(first, last=False)
        super()._assign_work_unit(node)

    def _is_at_ray(self, node: WorkerController) -> bool:
        assigned = self.assigned_work[node]
        return any(group in _WITH_RAY and not all(tests.values()) for group, tests in assigned.items())


class _Collection(list[str]):
    """Finds the place of a test without a search through all of them, which the scheduler makes for each test."""

    def __init__(self, collection: Sequence[str]) -> None:
        super().__init__(collection)
        self._places = {nodeid: place for place, nodeid in enumerate(collection)}

    def index(self, nodeid: str, *_: Any) -> int:
        return self._places[nodeid]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByGroup:
    config.option.loadscopereorder = False  # the order of `pytest_collection_modifyitems` stays
    return ByGroup(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _place(group_of(item.nodeid)))  # the order of the tests in a group stays


def group_of(nodeid: str) -> str:
    """Return the group of a test: one of the groups above, or its file."""
    return next((group for group, files in _GROUPS.items() if nodeid.startswith(files)), nodeid.partition("::")[0])


def _place(group: str) -> int:
    order = list(_GROUPS)
    return order.index(group) if group in order else len(order)
