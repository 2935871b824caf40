"""A Ray on this machine, for one service."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import ray
from ray._private.node import Node

from raythumbs.cluster.folder import refuse_open_to_others
from raythumbs.cluster.join import NAMESPACE
from raythumbs.cluster.nodes import SLOT_RESOURCE
from raythumbs.cluster.watch import watched
from raythumbs.settings.sealed import without_secrets

_LEFT_OUT = (
    (Node, "start_monitor"),
    (Node, "start_log_monitor"),
    (Node, "start_api_server"),
    (ray._private.utils, "set_sigterm_handler"),  # noqa: SLF001 it would end the process on the spot
    (ray._private.worker, "listen_error_messages"),  # noqa: SLF001 it would print them in colours on standard output
)
_OBJECT_STORE_BYTES = 128 * 1024 * 1024  # pictures do not go through it


@contextmanager
def own_cluster(folder: Path, *, slots_per_node: int, lost: Callable[[str], None]) -> Iterator[None]:
    """Start a Ray that lives in `folder` and collides with no other; at the end stop it.

    The folder within `folder` is Ray's, which opens it to everybody; `folder` itself stays closed. What Ray starts does
    not inherit credentials. `lost` is called, in a thread, if Ray ends before.
    """
    _forget_secrets()
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
def _without_bystanders() -> Iterator[None]:
    """Start Ray without processes that one machine does not need, and for which Ray 2.60 has no switch: the autoscaler,
    the log monitor and the dashboard's server.

    They were 180 of 1,260 MiB, and a good part of the time to start.
    """
    before = [(owner, name, getattr(owner, name)) for owner, name in _LEFT_OUT]
    try:
        for owner, name in _LEFT_OUT:
            setattr(owner, name, _do_nothing)
        yield
    finally:
        for owner, name, method in before:
            setattr(owner, name, method)


def _do_nothing(*_given: object, **_options: object) -> None:
    pass
