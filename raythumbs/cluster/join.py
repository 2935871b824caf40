"""Joining a Ray that runs already."""

import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import click
import ray
from ray import serve
from ray._private.services import canonicalize_bootstrap_address_or_die
from ray.exceptions import AuthenticationError
from ray.serve.context import _get_global_client

from raythumbs.cluster.environment import private_place
from raythumbs.cluster.ray_ports import warn_if_open
from raythumbs.errors import BadSettings
from raythumbs.settings import Settings
from raythumbs.settings.sealed import Sealed, seal

NAMESPACE = "raythumbs"
HEAD: Mapping[str, float] = {"node:__internal_head__": 0.001}  # the resource that only the head has
_SERVE_NAMESPACE = "serve"  # as Ray Serve has it
_CONNECT_SECONDS = 5


@contextmanager
def running_cluster(address: str) -> Iterator[None]:
    """Join a Ray that runs, and leave it at the end as it was: a Serve that ran before goes on. Raises BadSettings."""
    with joined(address):
        serve_ran = serve_runs()
        try:
            yield
        finally:
            if not serve_ran:
                end_serve()


@contextmanager
def joined(address: str) -> Iterator[None]:
    """Join a Ray that runs, and leave at the end; what was started there goes on. Raises BadSettings."""
    try:
        _refuse_silent(address)
        with _hushed():
            ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, namespace=NAMESPACE)
    except (OSError, AuthenticationError) as error:
        advice = "if it is there and asks for a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN (or _PATH)"
        raise BadSettings(f"no Ray lets us in at {address} ({error}); {advice}") from error
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    try:
        if "://" not in address:  # Ray's client does not know where the control store is
            warn_if_open(ray.get_runtime_context().gcs_address)
        yield
    finally:
        ray.shutdown()


def seal_on_head(settings: Settings) -> Sealed:
    """Seal the settings into a file on the head of the Ray that was joined, where the queue and the ingress are.

    Credentials that are no settings come from the environment that each node was started with.
    """
    sealing = ray.remote(num_cpus=0, resources=dict(HEAD))(_seal_here)
    sealed: Sealed = ray.get(sealing.remote(settings))
    return sealed


def join_as_serve_run() -> None:
    """Join the Ray that `serve run` is about to join, if it has not yet.

    It builds an application before it joins. Settings that are not sealed by then would stay in the memory of Ray
    Serve's controller, with their secrets.
    """
    if not ray.is_initialized():
        command = click.get_current_context(silent=True)
        ray.init(address=command.params.get("address") if command else None, namespace=_SERVE_NAMESPACE)


def _seal_here(settings: Settings) -> Sealed:
    folder = private_place() / "secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    return seal(settings, folder, environment={})


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep Ray from writing to standard error, past every logger, what we say in one line."""
    sys.stderr.flush()
    before = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nothing)


def _refuse_silent(address: str) -> None:
    """Raise ConnectionError if nothing listens at the address: Ray itself would wait for a quarter of an hour."""
    if "://" in address:  # of Ray's client, which says so soon
        return
    host, _, port = canonicalize_bootstrap_address_or_die(address).rpartition(":")
    socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()


def open_door(host: str, port: int) -> None:
    """Start Serve, if it does not run, on this host and port of each node that is to answer.

    Raises BadSettings if it listens elsewhere.
    """
    serve.start(
        proxy_location="EveryNode",  # which has a replica
        http_options={"host": host, "port": port},
        logging_config={"log_level": "WARNING"},
    )
    client = _get_global_client()
    assert client  # noqa: S101 for the type checker: there is one now
    served = client.http_config  # Serve only warns that it does not move
    if (served.host, served.port) != (host, port):
        raise BadSettings(
            f"Ray Serve listens at {served.host}:{served.port} there, and does not move to {host}:{port}: "
            "take that --host and --port, or `raythumbs down` first"
        )


def served_host() -> str:
    """Return the host on which the Serve of the Ray that was joined listens."""
    client = _get_global_client()
    return str(client.http_config.host) if client else ""


def serve_runs() -> bool:
    """Return whether the Ray that was joined has a Serve."""
    named = ray.util.list_named_actors(all_namespaces=True)
    return any(actor["namespace"] == _SERVE_NAMESPACE for actor in named)


def end_serve() -> None:
    """End Serve, and every application on it."""
    end: Callable[[], None] = serve.shutdown
    end()
