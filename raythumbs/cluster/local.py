"""A Ray on this machine, for one service."""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from inspect import signature
from pathlib import Path
from subprocess import Popen

import ray
from ray._private import ray_constants, services
from ray._private.node import Node

from raythumbs.cluster import silent_agent
from raythumbs.cluster.folder import refuse_open_to_others
from raythumbs.cluster.forking import request
from raythumbs.cluster.join import NAMESPACE
from raythumbs.cluster.nodes import SLOT_RESOURCE
from raythumbs.cluster.watch import watched
from raythumbs.settings.sealed import without_secrets

Replaced = tuple[object, str, Callable[..., object]]  # the owner, the attribute's name, and what takes its place


def do_nothing(*_given: object, **_options: object) -> None:
    """Stand in for what starts a process that is not needed."""


_python = services._build_python_executable_command_memory_profileable  # noqa: SLF001 see below
_start_raylet = services.start_raylet


def _python_with_our_agents(preloaded: str, component: str, session_dir: str, **options: bool) -> list[str]:
    """Return how Ray starts a process of its own. What follows, the path of Ray's agent, means nothing to ours."""
    if component == ray_constants.PROCESS_TYPE_DASHBOARD_AGENT:
        return [sys.executable, "-I", silent_agent.__file__, f"--ports={silent_agent.OF_DASHBOARD}"]
    if component == ray_constants.PROCESS_TYPE_RUNTIME_ENV_AGENT:
        ports = f"--ports={silent_agent.OF_RUNTIME_ENVIRONMENTS}"
        return [sys.executable, "-P", "-m", "raythumbs.cluster.forking.server", ports, f"--preload={preloaded}"]
    command: list[str] = _python(component, session_dir, **options)
    return command


def _start_raylet_that_forks(*given: object, **options: object) -> object:
    asked = signature(_start_raylet).bind(*given, **options)
    asked.arguments["setup_worker_path"] = request.__file__
    return _start_raylet(*asked.args, **asked.kwargs)


def our_agents(preloaded: Sequence[str]) -> tuple[Replaced, ...]:
    """Return what in Ray is replaced so that a raylet has our agents, one of which forks its workers.

    `preloaded` are modules that workers import, beside Ray's own.
    """
    python = partial(_python_with_our_agents, ",".join(preloaded))
    return (
        (services, "_build_python_executable_command_memory_profileable", python),
        (services, "start_raylet", _start_raylet_that_forks),
    )


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
