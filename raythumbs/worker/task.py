"""The remote function `render_batch`, num_cpus=1: a thin skin over `pipeline.py`."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from functools import cache
from typing import Any

import ray

from raythumbs import __version__
from raythumbs.events import show_events
from raythumbs.imaging.sandbox import Sandbox
from raythumbs.model.lease import Lease
from raythumbs.settings.floors import refuse_old_packages
from raythumbs.settings.sealed import restore_environment
from raythumbs.worker.host_load import HostWatch
from raythumbs.worker.pipeline import Ask, Reports, render
from raythumbs.worker.plan import Plan
from raythumbs.worker.stages import Stages

_TASKS_A_WORKER = 500  # then a new process, in case of leaks
_NICENESS = 5  # on a busy core the queue and the ingress, which have 0, get three times a worker's share

_stages_of: dict[Plan, Stages] = {}  # this process's, which is never more than one


def render_batch(leases: Sequence[Lease], plan: Plan, ask: Ask) -> Iterator[Reports]:
    """Render a batch of leases in this process. The first report is empty and says that the task began.

    An empty batch makes the process ready for those to come.
    """
    stages = _stages(plan)  # before the first report: if this fails, the node is unfit
    yield ()
    try:
        yield from render(stages, leases, ask)
    except Exception:
        _close_stages()  # the next batch must not get this one's results
        raise


_host_watch = cache(HostWatch)  # one for this process


def _stages(plan: Plan) -> Stages:
    if plan not in _stages_of:
        refuse_old_packages()
        _close_stages()  # those of another plan: of an older queue, or for a large photo
        restore_environment(plan.secrets_file)  # the credentials of the stores
        os.umask(plan.umask)
        show_events(plan.log_level, plan.log_format)
        _stages_of[plan] = Stages(plan, Sandbox(plan.specs, plan.limits))
    return _stages_of[plan]


def _close_stages() -> None:
    for stages in _stages_of.values():
        stages.close()
    _stages_of.clear()


# --- the thin skin of Ray


def _render_batch(version: str, leases: Sequence[Lease], plan: Plan, queue: Any, ticket: int) -> Iterator[Reports]:  # noqa: ANN401, PLR0917 Ray's handles have no type
    if version != __version__:
        raise RuntimeError(f"raythumbs {__version__} is there, {version} is wanted")
    os.setpriority(os.PRIO_PROCESS, 0, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))

    def ask(room: int) -> "Future[Sequence[Lease]]":
        seen = _host_watch().look() if plan.yields_to_others else None
        more: Future[Sequence[Lease]] = queue.more.remote(ticket, room, seen).future()  # which does not block this task
        return more

    yield from render_batch(leases, plan, ask)  # a generator itself, which is how Ray knows that it streams


# The queue owns retries.
render_batch_remotely = ray.remote(num_cpus=1, max_retries=0, max_calls=_TASKS_A_WORKER)(_render_batch)
