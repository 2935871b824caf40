"""The Ray Serve deployment of the web application."""

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
    """A replica. It builds its application in its own process, with the function that it is given."""

    def __init__(self, make_app: MakeApp) -> None:
        self._make_app = make_app

    async def __serve_build_asgi_app__(self) -> FastAPI:
        """Return the application (Serve calls this once, after the constructor)."""
        _open_as_many_files_as_allowed()
        refuse_in_json()
        return await self._make_app()


def _open_as_many_files_as_allowed() -> None:
    """Raise the soft limit of open files to the hard limit: each upload has a socket and a file."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def refuse_in_json() -> None:
    """Make uvicorn, which Serve starts, refuse invalid HTTP in JSON. Such requests never reach the application."""
    HttpToolsProtocol.send_400_response = _send_400_response  # type: ignore[assignment]  # no setting does it


def _send_400_response(connection: HttpToolsProtocol, msg: str) -> None:
    body = error_body("bad_request", msg)
    head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    rest = b"x-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
    connection.transport.write(head.encode() + rest + body)
    connection.transport.close()


def ingress(make_app: MakeApp, *, replicas: int, version: str, place: Mapping[str, float] | None) -> Any:  # noqa: ANN401 Serve's Application
    """Return the Serve application with this number of replicas.

    Replicas run on the nodes with the resource `place`; without it, they are spread over all nodes. They take no CPU
    from the slots, because they only wait and copy. A deploy leaves replicas of the same version alone. It replaces
    each other replica when its successor is ready.
    """
    deployment: Any = serve.deployment(
        serve.ingress()(_Ingress),
        name="ingress",
        num_replicas=replicas,
        ray_actor_options={"num_cpus": 0, "resources": dict(place or {})},
        max_replicas_per_node=2 * (replicas if place else 1),  # each replica, and its successor during a deploy
        max_surge_percent=100,
        # No limit by Serve: it would count uploads that still arrive, and refuse without JSON. See limits.py.
        max_ongoing_requests=_EVERY_REQUEST,
        max_queued_requests=-1,
        health_check_period_s=5,
        graceful_shutdown_wait_loop_s=0.2,  # how often it checks whether all requests are answered
        graceful_shutdown_timeout_s=30,
        logging_config={"enable_access_log": False},
    )
    # Serve has no public option for the version, and treats each `serve.run` as a new version.
    return deployment.options(version=version, _internal=True).bind(make_app)
