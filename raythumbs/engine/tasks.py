"""The remote function, num_cpus=1, and how the queue runs it on a node. A thin skin over `pipeline.py`."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Future
from functools import cache
from typing import Any

import ray
from ray.exceptions import (
    NodeDiedError,
    OutOfMemoryError,
    RayError,
    RayTaskError,
    RuntimeEnvSetupError,
    TaskUnschedulableError,
)
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from raythumbs import __version__
from raythumbs.engine.batch import Ask, Batch, BatchLost, NodeShort, NodeUnfit, Reports
from raythumbs.engine.lookout import Lookout
from raythumbs.engine.nodes import live_nodes
from raythumbs.engine.pipeline import render
from raythumbs.engine.sealed import restore_environment
from raythumbs.engine.slots import SLOT_RESOURCE
from raythumbs.engine.work import Work
from raythumbs.engine.workbench import Workbench
from raythumbs.model.lease import Lease

_TASKS_A_WORKER = 500  # then a new process: whatever leaked is given back
_BEGIN_SECONDS = 60.0  # until a task that Ray does not begin is taken back: somebody else may have the node's CPUs

_NICENESS = 5  # of a busy core the queue and the ingress, which have 0, get three times a worker's share

_workbenches: dict[Work, Workbench] = {}  # this process's, which is never more than one


def render_batch(leases: Sequence[Lease], work: Work, ask: Ask) -> Iterator[Reports]:
    """Render a batch of leases in this process: report nothing, to say that it began, then as `render` does.

    An empty batch makes the process ready for those to come.
    """
    bench = _workbench(work)  # before anything is said: where it cannot be had, the node is unfit
    yield ()
    try:
        yield from render(bench, leases, ask)
    except Exception:
        _close_workbenches()  # what was begun there would be taken for the next batch's
        raise


_lookout = cache(Lookout)  # one for this process


def _workbench(work: Work) -> Workbench:
    if work not in _workbenches:
        _close_workbenches()  # of a queue before this one, or with the memory of a large photo
        restore_environment(work.secrets_file)  # the credentials of the stores
        os.umask(work.umask)
        _workbenches[work] = Workbench(work)
    return _workbenches[work]


def _close_workbenches() -> None:
    for bench in _workbenches.values():
        bench.close()
    _workbenches.clear()


# --- the thin skin of Ray


def _render_batch(version: str, leases: Sequence[Lease], work: Work, queue: Any, ticket: int) -> Iterator[Reports]:  # noqa: ANN401, PLR0917 Ray's handles have no type
    if version != __version__:
        raise RuntimeError(f"raythumbs {__version__} is there, {version} is wanted")
    os.setpriority(os.PRIO_PROCESS, 0, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))

    def ask(room: int) -> "Future[Sequence[Lease]]":
        seen = _lookout().look() if work.yields_to_others else None
        told: Future[Sequence[Lease]] = queue.more.remote(ticket, room, seen).future()  # which does not block this task
        return told

    yield from render_batch(leases, work, ask)  # a generator itself, which is how Ray knows that it streams


_remotely = ray.remote(num_cpus=1, max_retries=0, max_calls=_TASKS_A_WORKER)(_render_batch)  # the queue owns retries


async def run_batch(batch: Batch, *, work: Work, patience_seconds: float) -> AsyncIterator[Reports]:
    """Run a batch on its node, or elsewhere if that is gone, and pass on what it says as it says it; for the queue's
    actor, which the task asks for more.

    For a large photo Ray sets the batch's memory apart on the node. Raises BatchLost when the task dies. One that does
    not begin within a minute is taken back, and one that then says nothing for `patience_seconds` is killed.
    """
    said: Any = _remotely.options(
        scheduling_strategy=NodeAffinitySchedulingStrategy(batch.node.id, soft=True),
        resources=None if batch.node.declared_slots is None else {SLOT_RESOURCE: 1},
        memory=batch.memory_bytes,
        name=f"render {len(batch.leases)}",
    ).remote(
        __version__,
        batch.leases,
        work.of_the_large if batch.memory_bytes else work,
        ray.get_runtime_context().current_actor,
        batch.ticket,
    )
    has_begun = False
    while True:
        try:
            async with asyncio.timeout(patience_seconds if has_begun else _BEGIN_SECONDS):
                reports = await (await anext(said))
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            ray.cancel(said, force=True)
            if not has_begun:
                raise BatchLost(f"Ray did not begin it in {_BEGIN_SECONDS:.0f} s", blameless=True) from error
            raise BatchLost(f"nothing was heard for {patience_seconds:.0f} s", blameless=False) from error
        except (NodeDiedError, TaskUnschedulableError, RuntimeEnvSetupError) as error:
            raise BatchLost(type(error).__name__, blameless=True) from error
        except RayTaskError as error:
            if not has_begun:  # what a photo does to a task comes later
                raise NodeUnfit(f"{batch.node.address}: {_last_line(error)}") from error
            raise BatchLost(type(error).__name__, blameless=False) from error
        except OutOfMemoryError as error:
            raise NodeShort(f"{batch.node.address}: its memory was nearly full, and Ray ended a task") from error
        except RayError as error:  # of a node that is shut down, the worker may go first
            blameless = batch.node.id not in await live_nodes()
            raise BatchLost(type(error).__name__, blameless=blameless) from error
        has_begun = True
        yield reports  # outside of the timeout: whoever takes it in may take long


def _last_line(error: RayTaskError) -> str:
    """Return what the traceback ends with: the error at its root."""
    return str(error).strip().splitlines()[-1]
