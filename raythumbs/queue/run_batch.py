"""Runs a batch as a Ray task on its node; for the queue's actor."""

import asyncio
from collections.abc import AsyncIterator
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
from raythumbs.cluster.nodes import SLOT_RESOURCE, live_nodes
from raythumbs.queue.batch import Batch, NodeGone, NodeShort, NodeUnfit, TaskLost, TaskRaised
from raythumbs.worker.pipeline import Reports
from raythumbs.worker.plan import Plan
from raythumbs.worker.task import render_batch_remotely

_BEGIN_SECONDS = 60.0  # until a task that Ray does not begin is taken back: other tasks may have the node's CPUs


async def run_batch(
    batch: Batch,
    *,
    plan: Plan,
    patience_seconds: float,
    begin_seconds: float = _BEGIN_SECONDS,
    task: Any = render_batch_remotely,  # noqa: ANN401 Ray's remote functions have no type
) -> AsyncIterator[Reports]:
    """Run a batch on its node, or on another one if that has left; yield its reports as they arrive.

    Call it in the queue's actor, because the task asks that for more leases. For a large photo, Ray reserves the
    batch's memory on the node. Raises BatchLost when the task dies, does not begin within `begin_seconds`, or then
    reports nothing for `patience_seconds`.
    """
    said: Any = task.options(
        scheduling_strategy=NodeAffinitySchedulingStrategy(batch.node.id, soft=True),
        resources=None if batch.node.declared_slots is None else {SLOT_RESOURCE: 1},
        memory=batch.memory_bytes,
        name=f"render {len(batch.leases)}",
    ).remote(
        __version__,
        batch.leases,
        plan.of_the_large if batch.memory_bytes else plan,
        ray.get_runtime_context().current_actor,
        batch.ticket,
    )
    has_begun = False
    while True:
        try:
            async with asyncio.timeout(patience_seconds if has_begun else begin_seconds):
                reports = await (await anext(said))
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            ray.cancel(said, force=True)
            if not has_begun:
                raise NodeGone(f"Ray did not begin it in {begin_seconds:.0f} s") from error
            raise TaskLost(f"nothing was heard for {patience_seconds:.0f} s") from error
        except (NodeDiedError, TaskUnschedulableError, RuntimeEnvSetupError) as error:
            raise NodeGone(type(error).__name__) from error
        except RayTaskError as error:
            if not has_begun:  # before that, no photo can be the reason
                raise NodeUnfit(f"{batch.node.address}: {_last_line(error)}") from error
            raise TaskRaised(_last_line(error)) from error
        except OutOfMemoryError as error:
            raise NodeShort(f"{batch.node.address}: its memory was nearly full, and Ray ended a task") from error
        except RayError as error:  # when a node shuts down, its workers may end first
            lost = TaskLost if batch.node.id in await live_nodes() else NodeGone
            raise lost(type(error).__name__) from error
        has_begun = True
        yield reports  # outside of the time-out: the caller may take long


def _last_line(error: RayTaskError) -> str:
    """Return the last line of the traceback: the root error."""
    return str(error).strip().splitlines()[-1]
