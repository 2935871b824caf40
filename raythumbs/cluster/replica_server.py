"""Where a replica of Ray Serve listens for others of the cluster.

Ray Serve 2.60 has no switch for it: each replica's server for calls between deployments is on every address of the
machine, while all else of Ray is on the node's own.
"""

from typing import Any

import ray
from ray.serve._private import replica

_BIND = "add_port_to_grpc_server"


def listen_on_the_node_only() -> None:
    """Have the server of this process's replica listen on the node's address alone; call it before that starts."""
    bind: Any = getattr(replica, _BIND)
    here: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    at = f"[{here}]:0" if ":" in here else f"{here}:0"
    setattr(replica, _BIND, lambda server, _everywhere: bind(server, at))
