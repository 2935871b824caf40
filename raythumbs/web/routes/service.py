"""The service itself: its figures, whether it lives and is ready, and the comparison of the stores with the record."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from raythumbs.errors import NotReady, RaythumbsError
from raythumbs.model.access import Scope
from raythumbs.web.bodies import ReconciliationBody, StatusBody
from raythumbs.web.cached_json import cached_json
from raythumbs.web.dependencies import Deps
from raythumbs.web.documented import refusals
from raythumbs.web.keys import may

router = APIRouter(tags=["service"])


@router.get("/api/thumbnails/status", response_model=StatusBody)
async def status(request: Request, deps: Deps) -> Response:
    """Return the figures of the queue and its slots."""
    figures = await deps.queue.status()
    return cached_json(request, "status").response(figures, lambda: StatusBody.of(figures))


@router.post("/api/reconciliation", status_code=202)
async def reconcile(deps: Deps) -> ReconciliationBody:
    """Compare the watched places and the thumbnails with the record, and repair the differences at LOW priority."""
    return ReconciliationBody.of(await deps.queue.reconcile())


@router.get("/api/reconciliation", responses=refusals(HTTPStatus.NOT_FOUND))
async def reconciliation(deps: Deps) -> ReconciliationBody:
    """Return the comparison that runs, or the last one."""
    return ReconciliationBody.of(await deps.queue.reconciliation())


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def alive() -> dict[str, str]:
    """Answer 200 while the process runs."""
    return {"status": "alive"}


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", responses=refusals(HTTPStatus.BAD_GATEWAY))
async def ready(request: Request, deps: Deps) -> dict[str, str]:
    """Answer 200 if the queue, the database and the store answer, else an error that names what does not.

    A paused queue is ready, because it takes everything; `queue` says that it is paused. If there are API keys, only a
    key with the scope `read` is told this, and what does not answer.
    """
    may_know = not deps.settings.api_keys or may(request, Scope.READ)
    try:
        await deps.queue.check()
    except RaythumbsError as error:
        if not may_know:
            raise NotReady from error
        raise
    is_paused = may_know and (await deps.queue.queue_state()).is_paused
    return {"status": "ready"} | ({"queue": "paused"} if is_paused else {})
