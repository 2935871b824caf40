"""Which scope each route needs. This is the only place that says so, and a route that is not here keeps the service
from starting."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from fastapi import APIRouter
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope as Request

from raythumbs.model.access import Scope


class Open(Enum):
    """A route that needs no key, or not always one."""

    ALWAYS = auto()  # it tells nothing about photos
    THUMBNAIL = auto()  # a key with the scope `read`, a signed link, or neither where thumbnails are public


@dataclass(frozen=True, slots=True)
class Notification:
    """A route that verifies its senders itself, with these settings. A key with the scope `upload` opens it too."""

    verified_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Linked:
    """A route that a key with this scope opens, or a signed link to its exact address."""

    scope: Scope


Door = Scope | Open | Notification | Linked

# A route for GET answers HEAD too.
DOORS: Mapping[str, Door] = {
    "POST /api/uploads/direct": Linked(Scope.UPLOAD),
    "POST /api/uploads/presigned": Scope.UPLOAD,
    "POST /api/jobs": Scope.UPLOAD,
    "POST /api/notifications/s3": Notification(("notification_token", "sns_topics")),
    "POST /api/notifications/b2": Notification(("b2_signing_secret",)),
    "POST /api/notifications/gcs": Notification(("gcs_audience",)),
    "POST /api/notifications/azure": Notification(("azure_secret",)),
    "POST /api/notifications/r2": Notification(("r2_signing_secret",)),
    "POST /api/notifications/cloudevents": Notification(("notification_token",)),
    "OPTIONS /api/notifications/azure": Open.ALWAYS,  # a question, which the origin's name answers
    "OPTIONS /api/notifications/cloudevents": Open.ALWAYS,
    "GET /api/quarantine": Scope.ADMIN,
    "GET /api/quarantine/{message_id}": Scope.ADMIN,
    "DELETE /api/quarantine/{message_id}": Scope.ADMIN,
    "GET /api/jobs": Scope.READ,
    "GET /api/jobs/{job_id}": Scope.READ,
    "POST /api/jobs/{job_id}/retry": Scope.ADMIN,
    "POST /api/jobs/{job_id}/cancel": Scope.ADMIN,
    "POST /api/jobs/retry": Scope.ADMIN,
    "POST /api/jobs/cancel": Scope.ADMIN,
    "GET /api/failures": Scope.READ,
    "GET /api/queue": Scope.READ,
    "POST /api/queue/pause": Scope.ADMIN,
    "POST /api/queue/resume": Scope.ADMIN,
    "GET /api/photos/{photo_id}": Scope.READ,
    "GET /thumbnails/{path:path}": Open.THUMBNAIL,
    "GET /api/photos": Scope.READ,
    "GET /thumbnails/by-source/{spec}": Linked(Scope.READ),  # never open: a source can be guessed
    "GET /api/folders/{folder_id:path}": Scope.READ,
    "GET /api/folders/{folder_id:path}/events": Linked(Scope.READ),
    "POST /api/links": Scope.READ,
    "GET /api/thumbnails/status": Scope.READ,
    "GET /metrics": Scope.READ,
    "GET /api/reconciliation": Scope.READ,
    "POST /api/reconciliation": Scope.ADMIN,
    "GET /api/export/photos": Scope.READ,
    "POST /api/backfills": Scope.ADMIN,
    "GET /api/backfills": Scope.READ,
    "GET /api/backfills/{backfill_id}": Scope.READ,
    "POST /api/backfills/{backfill_id}/pause": Scope.ADMIN,
    "POST /api/backfills/{backfill_id}/resume": Scope.ADMIN,
    "POST /api/backfills/{backfill_id}/cancel": Scope.ADMIN,
    "GET /api/webhooks": Scope.ADMIN,
    "POST /api/webhooks/retry": Scope.ADMIN,
    "GET /api/page/events": Scope.READ,
    "GET /session": Open.ALWAYS,  # it says who asks
    "POST /session": Open.ALWAYS,  # the key is in the body
    "DELETE /session": Open.ALWAYS,
    "GET /": Open.ALWAYS,  # the page without any figure
    "GET /page/{file}": Open.ALWAYS,
    "GET /manual": Open.ALWAYS,
    "GET /manual/{page}": Open.ALWAYS,
    "GET /healthz": Open.ALWAYS,
    "GET /readyz": Open.ALWAYS,  # without a key, it does not tell what is wrong
    "GET /openapi.json": Open.ALWAYS,
    "GET /docs": Open.ALWAYS,
    "GET /docs/{file}": Open.ALWAYS,
}


def names_of(route: Route) -> set[str]:
    """Return the names of a route in the table, one for each of its methods."""
    methods = {"GET" if method == "HEAD" else method for method in route.methods or ()}
    return {f"{method} {route.path}" for method in methods}


class Doors:
    """Finds the door of a request. Raises KeyError for a route that has none."""

    def __init__(self, routers: Iterable[APIRouter], doors: Mapping[str, Door] = DOORS) -> None:
        routes = [route for router in routers for route in router.routes if isinstance(route, Route)]
        self._doors: list[tuple[BaseRoute, Door]] = [
            (route, doors[name]) for route in routes for name in names_of(route)
        ]

    def of(self, request: Request) -> Door | None:
        """Return the door of the request, or None if there is no such route."""
        return next((door for route, door in self._doors if route.matches(request)[0] is Match.FULL), None)
