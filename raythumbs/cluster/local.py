"""A Ray on this machine, for one service."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from subprocess import Popen

import ray
from ray._private import services
from ray._private.node import Node

from raythumbs.cluster.folder import refuse_open_to_others
from raythumbs.cluster.forking.agents import do_nothing, our_agents
from raythumbs.cluster.join import NAMESPACE
from raythumbs.cluster.nodes import SLOT_RESOURCE
from raythumbs.cluster.watch import watched
from raythumbs.settings.sealed import without_secrets

# Parts of Ray 2.60 for which it has no switch, and what takes their place while it starts.
_REPLACED = (
    (Node, "start_monitor", do_nothing),
    (Node, "start_log_monitor", do_nothing),
    (Node, "start_api_server", do_nothing),
    # It imports what a dashboard needs, to know whether Ray's own agent of it could be complete: 0.4 s of CPU.
    (ray._private.utils, "get_dashboard_dependency_error", do_nothing),  # noqa: SLF001
    (ray._private.utils, "set_sigterm_handler", do_nothing),  # noqa: SLF001 it would end the process on the spot
    # It would print errors in colours on standard output.
    (ray._private.worker, "listen_error_messages", do_nothing),  # noqa: SLF001
    # `timeout` and some supervisors send a signal to the whole group. Then Ray would end before what runs is finished.
    (services, "ConsolePopen", partial(Popen, process_group=0)),
)
_OBJECT_STORE_BYTES = 128 * 1024 * 1024  # pictures do not go through it


@contextmanager
def own_cluster(
    folder: Path, *, slots_per_node: int, preloaded: Sequence[str], lost: Callable[[str], None]
) -> Iterator[None]:
    """Start a Ray that lives in `folder` and collides with no other; at the end stop it.

    The folder within `folder` is Ray's, which opens it to everybody; `folder` itself stays closed. What Ray starts does
    not inherit credentials. Workers start with the modules `preloaded`. `lost` is called, in a thread, if Ray ends
    before.
    """
    _forget_secrets()
    cpus = len(os.sched_getaffinity(0))
    try:
        with changed_ray(preloaded):
            ray.init(
                address="local",
                num_cpus=cpus,
                resources={SLOT_RESOURCE: min(cpus, slots_per_node)},
                object_store_memory=_OBJECT_STORE_BYTES,
                include_dashboard=False,
                logging_level=logging.ERROR,
                log_to_driver=False,
                namespace=NAMESPACE,
                _temp_dir=str(folder / "ray"),
            )
        refuse_open_to_others(folder)
        with watched(lost):
            yield
    finally:
        ray.shutdown()


def _forget_secrets() -> None:
    for name in set(os.environ) - set(without_secrets(os.environ)):
        del os.environ[name]


@contextmanager
def changed_ray(preloaded: Sequence[str] = ()) -> Iterator[None]:
    """Start Ray without processes that one machine does not need: the autoscaler, the log monitor, the dashboard's
    server, its agent and the agent of runtime environments. Start the others in process groups of their own, and
    workers as forks that have imported `preloaded`.

    Those five were 340 of 1,260 MiB, and a good part of the time to start.
    """
    replaced = (*_REPLACED, *our_agents(preloaded))
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
    try:
        for owner, name, replacement in replaced:
            setattr(owner, name, replacement)
        yield
    finally:
        for owner, name, original in before:
            setattr(owner, name, original)
