"""Ray's autoscaler, which makes nodes come and go: on a cluster of `ray up`, or on Kubernetes."""

import asyncio
from collections.abc import Callable
from typing import Any

import ray
from ray.core.generated.autoscaler_pb2 import GetClusterStatusReply  # type: ignore[attr-defined]  # protobuf makes it
from ray.experimental.internal_kv import internal_kv_get_gcs_client

from raythumbs.cluster.nodes import SLOT_RESOURCE

_gcs: Callable[[], Any] = internal_kv_get_gcs_client
_STARTED = b"AutoscalerMetricsAddress"  # the key that its process writes when it starts (monitor.py of Ray 2.60)


class RayAutoscaler:
    """See `queue.scaling.Autoscaler`. Ray's calls block for some milliseconds, so they are made in threads."""

    async def is_there(self) -> bool:
        """Return whether there is one. A local Ray has none."""
        return ray.is_initialized() and await asyncio.to_thread(_has_started)

    async def ask(self, slots: int, *, declared: bool) -> int | None:
        """Ask for slots in the shape of a task: with `thumb_slot`, a node of 16 CPUs counts for its 8 slots."""
        from ray.autoscaler.sdk import request_resources  # 0.1 s of CPU, and few processes ask

        bundle = {"CPU": 1, SLOT_RESOURCE: 1} if declared else {"CPU": 1}
        await asyncio.to_thread(request_resources, bundles=[bundle] * slots)
        return await asyncio.to_thread(_refused)


def _has_started() -> bool:
    return _gcs().internal_kv_get(_STARTED, None) is not None


def _refused() -> int | None:
    """Return for how many bundles the autoscaler last found no nodes. Ray before 2.50 does not say: None."""
    status = GetClusterStatusReply.FromString(_gcs().get_cluster_status(timeout_s=10))
    refused = status.autoscaling_state.infeasible_cluster_resource_constraints
    return min((sum(asked.count for asked in one.resource_requests) for one in refused), default=None)
