"""Webhooks: how the deliveries to each endpoint go, and trying them again."""

from fastapi import APIRouter

from raythumbs.web.dependencies import Deps
from raythumbs.web.webhook_bodies import WebhooksBody

router = APIRouter(tags=["service"])


@router.get("/api/webhooks")
async def webhooks(deps: Deps) -> WebhooksBody:
    """Return the endpoints of webhooks, and how the deliveries to each go."""
    return WebhooksBody.of(await deps.queue.webhooks())


@router.post("/api/webhooks/retry")
async def retry(deps: Deps) -> WebhooksBody:
    """Enable every endpoint, and try every delivery again now, also those that were given up."""
    return WebhooksBody.of(await deps.queue.retry_webhooks())
