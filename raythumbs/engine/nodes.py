"""The nodes of the Ray cluster, as the semaphore needs them."""

import asyncio
from collections.abc import Mapping

import ray

from raythumbs.engine.slots import SLOT_RESOURCE, Node


async def live_nodes() -> Mapping[str, Node]:
    """Return the nodes that are alive and have a CPU, by id."""
    told = await asyncio.to_thread(ray.nodes)  # a blocking call of a millisecond
    nodes = (_node(one["NodeID"], one["Resources"]) for one in told if one["Alive"])
    return {node.id: node for node in nodes if node.cpus}


def _node(node_id: str, resources: Mapping[str, float]) -> Node:
    return Node(
        node_id,
        int(resources.get("CPU", 0)),
        declares_slots=SLOT_RESOURCE in resources,
        memory_bytes=int(resources.get("memory", 0)),
    )
