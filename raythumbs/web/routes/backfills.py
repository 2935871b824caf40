"""Backfills: enqueue the photos that are in a bucket already, and watch, pause, resume and cancel that."""

from http import HTTPStatus

from fastapi import APIRouter

from raythumbs.web.backfill_bodies import BackfillBody, BackfillRequestBody, BackfillsBody
from raythumbs.web.bodies import Id
from raythumbs.web.dependencies import Deps
from raythumbs.web.documented import refusals

router = APIRouter(tags=["backfills"])

_MOVES = refusals(HTTPStatus.CONFLICT)


@router.post("/api/backfills", status_code=202, responses=_MOVES)
async def begin(body: BackfillRequestBody, deps: Deps) -> BackfillBody:
    """Enqueue at LOW priority the photos below an address that lack a thumbnail."""
    request = body.request(deps.policy, now=deps.now())
    return BackfillBody.of(await deps.queue.begin_backfill(request))


@router.get("/api/backfills")
async def backfills(deps: Deps) -> BackfillsBody:
    """List the newest hundred backfills, the newest first."""
    return BackfillsBody(backfills=[BackfillBody.of(one) for one in await deps.queue.backfills()])


@router.get("/api/backfills/{backfill_id}")
async def backfill(backfill_id: Id, deps: Deps) -> BackfillBody:
    """Show a backfill."""
    return BackfillBody.of(await deps.queue.backfill(backfill_id))


@router.post("/api/backfills/{backfill_id}/pause", responses=_MOVES)
async def pause(backfill_id: Id, deps: Deps) -> BackfillBody:
    """Enqueue nothing more of it until it is resumed."""
    return BackfillBody.of(await deps.queue.pause_backfill(backfill_id))


@router.post("/api/backfills/{backfill_id}/resume", responses=_MOVES)
async def resume(backfill_id: Id, deps: Deps) -> BackfillBody:
    """Go on where it was, also after a failure."""
    return BackfillBody.of(await deps.queue.resume_backfill(backfill_id))


@router.post("/api/backfills/{backfill_id}/cancel", responses=_MOVES)
async def cancel(backfill_id: Id, deps: Deps) -> BackfillBody:
    """End it. Photos that are enqueued already are rendered."""
    return BackfillBody.of(await deps.queue.cancel_backfill(backfill_id))
