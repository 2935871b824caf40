"""The question of a sender of CloudEvents whether it may send its events here.

Source: CloudEvents, "HTTP 1.1 Web Hooks for Event Delivery", section 4. Its callback is never opened.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Response

from raythumbs.errors import ForeignOrigin
from raythumbs.web.dependencies import Deps
from raythumbs.web.documented import refusals

router = APIRouter(tags=["photos in"])
_REFUSED = refusals(HTTPStatus.FORBIDDEN)


@router.options("/api/notifications/azure", responses=_REFUSED)
@router.options("/api/notifications/cloudevents", responses=_REFUSED)
async def may_send(deps: Deps, webhook_request_origin: Annotated[str, Header(max_length=255)] = "") -> Response:
    """Allow the configured origins to send events, at any rate."""
    if webhook_request_origin.lower() not in deps.settings.webhook_origins:
        raise ForeignOrigin(f"{webhook_request_origin[:255]!a} is not in RAYTHUMBS_WEBHOOK_ORIGINS")
    allowed = {"WebHook-Allowed-Origin": webhook_request_origin, "WebHook-Allowed-Rate": "*", "Allow": "POST"}
    return Response(status_code=200, headers=allowed)
