"""What a replica of Ray Serve 2.60 has no switch for: where it listens for others of the cluster, and that it ends.

Each replica's server for calls between deployments is on every address of the machine, while all else of Ray is on the
node's own. And a replica that ends waits for its open requests, but does not tell those that never end by themselves.
"""

from collections.abc import Callable
from typing import Any

import ray
from ray.serve._private import replica

_BIND = "add_port_to_grpc_server"
_END = "_perform_graceful_shutdown"


def listen_on_the_node_only() -> None:
    """Have the server of this process's replica listen on the node's address alone; call it before that starts."""
    bind: Any = getattr(replica, _BIND)
    here: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    at = f"[{here}]:0" if ":" in here else f"{here}:0"
    setattr(replica, _BIND, lambda server, _everywhere: bind(server, at))


def when_it_ends(tell: Callable[[], object]) -> None:
    """Call `tell` once Serve asks this process's replica to end, before that waits for its open requests.

    It is called in another thread than the application's.
    """
    end: Any = getattr(replica.Replica, _END)

    async def told(ending: Any) -> None:  # noqa: ANN401 Serve's replica
        tell()
        await end(ending)

    setattr(replica.Replica, _END, told)
