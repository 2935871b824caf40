"""A Ray of one's own, or one that runs already."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import ray
from ray import serve
from ray._private.node import Node

from raythumbs.engine.slots import SLOT_RESOURCE
from raythumbs.engine.watch import watched
from raythumbs.errors import BadSettings

NAMESPACE = "raythumbs"
_SERVE_NAMESPACE = "serve"  # as Ray Serve has it
_BYSTANDERS = ("start_monitor", "start_log_monitor", "start_api_server")
_OBJECT_STORE_BYTES = 128 * 1024 * 1024  # pictures do not go through it


@contextmanager
def own_cluster(folder: Path, *, slots_per_node: int, lost: Callable[[str], None]) -> Iterator[None]:
    """Start a Ray that lives in `folder` and collides with no other; at the end stop it.

    `lost` is called, in a thread, if it ends before.
    """
    cpus = len(os.sched_getaffinity(0))
    try:
        with _without_bystanders():
            ray.init(
                address="local",
                num_cpus=cpus,
                resources={SLOT_RESOURCE: min(cpus, slots_per_node)},
                object_store_memory=_OBJECT_STORE_BYTES,
                include_dashboard=False,
                logging_level=logging.ERROR,
                log_to_driver=False,
                namespace=NAMESPACE,
                _temp_dir=str(folder),
            )
        with watched(lost):
            yield
    finally:
        ray.shutdown()


@contextmanager
def _without_bystanders() -> Iterator[None]:
    """Let a Ray start without what one machine has no use of, and Ray 2.60 no switch for: the autoscaler, the reader of
    logs for a driver that wants none, and the dashboard's server, which without its pages still has usage to report.

    They were 180 of 1,260 MiB, and a good part of the time to start.
    """
    before = {name: getattr(Node, name) for name in _BYSTANDERS}
    try:
        for name in _BYSTANDERS:
            setattr(Node, name, _do_nothing)
        yield
    finally:
        for name, method in before.items():
            setattr(Node, name, method)


def _do_nothing(_node: Node, **_options: object) -> None:
    pass


@contextmanager
def running_cluster(address: str) -> Iterator[None]:
    """Join a Ray that runs, and leave it at the end as it was: a Serve that ran before goes on. Raises BadSettings."""
    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, namespace=NAMESPACE)
    except ConnectionError as error:
        advice = "if it is there and asks for a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN (or _PATH)"
        raise BadSettings(f"no Ray lets us in at {address} ({error}); {advice}") from error
    serve_ran = _serve_runs()
    try:
        yield
    finally:
        if not serve_ran:
            _end_serve()
        ray.shutdown()


def _serve_runs() -> bool:
    named = ray.util.list_named_actors(all_namespaces=True)
    return any(actor["namespace"] == _SERVE_NAMESPACE for actor in named)


def _end_serve() -> None:
    end: Callable[[], None] = serve.shutdown
    end()
