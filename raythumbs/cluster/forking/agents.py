"""Puts our agents in the place of Ray's where a raylet is started. `ray.serve` is not imported."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from inspect import signature

from ray._private import ray_constants, services

from raythumbs.cluster import silent_agent
from raythumbs.cluster.forking import request

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
