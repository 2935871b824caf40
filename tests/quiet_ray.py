"""Ray's own command `ray`, for nodes with fewer processes than they have elsewhere, and with workers that are forks.

By itself Ray starts the dashboard's server, which it has even without a dashboard, a server for Ray's client, and two
agents, which take 5 s of CPU to start; each worker takes another. No test asks them anything. A service beside all of
them is tested in test_autoscaling.py.
"""

from tests.quick_ray import main

# isort: split
from ray._private.node import Node

from raythumbs.cluster.forking.agents import do_nothing, our_agents
from raythumbs.preloaded import OF_WORKERS

# Parts of Ray for which it has no switch, as in cluster/local.py.
_REPLACED = (
    (Node, "start_api_server", do_nothing),
    (Node, "start_ray_client_server", do_nothing),
    *our_agents(OF_WORKERS),
)
for owner, name, replacement in _REPLACED:
    setattr(owner, name, replacement)


if __name__ == "__main__":
    main()
