"""The nodes of the Ray cluster, as the semaphore needs them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ray
from ray._private.state import state

SLOT_RESOURCE = "thumb_slot"  # the same number as a resource of Ray, so that the autoscaler sees the right shape
_ANSWER_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster: its id, its CPUs, what it declares of the resource `thumb_slot`, what Ray may give of
    its memory, and its address in the network."""

    id: str
    cpus: int
    declared_slots: int | None = None
    memory_bytes: int = 0
    address: str = ""

    @property
    def name(self) -> str:
        """What people call it: its address, if it is known."""
        return self.address or self.id


async def live_nodes() -> Mapping[str, Node]:
    """Return the nodes that are alive, are to stay, and have a CPU, by id."""
    known = await asyncio.to_thread(ray.nodes)  # blocking calls of a millisecond
    draining = await asyncio.to_thread(state.get_draining_nodes)  # which Ray calls alive, and starts nothing on
    staying = [one for one in known if one["Alive"] and one["NodeID"] not in draining]
    answers = await asyncio.gather(*(_answers(one["NodeManagerAddress"], one["NodeManagerPort"]) for one in staying))
    nodes = (_node(one) for one, answered in zip(staying, answers, strict=True) if answered)
    return {node.id: node for node in nodes if node.cpus}


async def _answers(address: str, port: int) -> bool:
    """Return whether Ray listens there: of a machine that is gone, Ray itself takes 15 s to say so."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            _, connection = await asyncio.open_connection(address, port)
    except OSError:  # and TimeoutError, which is one
        return False
    connection.close()
    return True


def _node(facts: Mapping[str, Any]) -> Node:
    resources: Mapping[str, float] = facts["Resources"]
    return Node(
        facts["NodeID"],
        int(resources.get("CPU", 0)),
        declared_slots=int(resources[SLOT_RESOURCE]) if SLOT_RESOURCE in resources else None,
        memory_bytes=int(resources.get("memory", 0)),
        address=facts["NodeManagerAddress"],
    )
