"""The deployment that Ray Serve runs."""

import resource
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import FastAPI
from ray import serve
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from raythumbs.web.replies import error_body

_EVERY_REQUEST = 1_000_000
MakeApp = Callable[[], Awaitable[FastAPI]]


class _Ingress:
    """A replica. It is told how to make its application, and does so where it runs."""

    def __init__(self, make_app: MakeApp) -> None:
        self._make_app = make_app

    async def __serve_build_asgi_app__(self) -> FastAPI:
        """Return the application (Serve calls this once, after the constructor)."""
        _open_as_many_files_as_allowed()
        refuse_in_json()
        return await self._make_app()


def _open_as_many_files_as_allowed() -> None:
    """Raise the soft limit of open files to the hard one: each upload has a socket and a file."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def refuse_in_json() -> None:
    """Let uvicorn, which Serve starts, refuse in JSON what is no HTTP; it never reaches the application."""
    HttpToolsProtocol.send_400_response = _send_400_response  # type: ignore[assignment]


def _send_400_response(connection: HttpToolsProtocol, msg: str) -> None:
    body = error_body("bad_request", msg)
    head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    connection.transport.write(head.encode() + b"connection: close\r\n\r\n" + body)
    connection.transport.close()


def ingress(make_app: MakeApp, *, replicas: int, version: str, place: Mapping[str, float] | None) -> Any:  # noqa: ANN401 Serve's Application
    """Return the Serve application of so many replicas. They take no CPU from the slots: they only wait and copy. They
    are where there is the resource `place`, or, without one, on as many nodes.

    Replicas of the same version are left alone; others are replaced, each when its successor is up.
    """
    deployment: Any = serve.deployment(
        serve.ingress()(_Ingress),
        name="ingress",
        num_replicas=replicas,
        ray_actor_options={"num_cpus": 0, "resources": dict(place or {})},
        max_replicas_per_node=2 * (replicas if place else 1),  # each, and beside it for a while its successor
        max_surge_percent=100,
        # Serve counts uploads that are still arriving as ongoing, and refuses without JSON: the doors count themselves.
        max_ongoing_requests=_EVERY_REQUEST,
        max_queued_requests=-1,
        health_check_period_s=5,
        graceful_shutdown_wait_loop_s=0.2,  # how often it looks whether it has answered all
        graceful_shutdown_timeout_s=30,
        logging_config={"enable_access_log": False},
    )
    # Serve has no public way to say what a version is, and takes each `serve.run` for a new one.
    return deployment.options(version=version, _internal=True).bind(make_app)
