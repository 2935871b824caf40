"""The metrics for Prometheus."""

from fastapi import APIRouter, Response

from raythumbs.web.dependencies import Deps
from raythumbs.web.metrics import MEDIA_TYPE, exposition

router = APIRouter(tags=["service"])

_EXAMPLE = "# TYPE raythumbs_paused gauge\nraythumbs_paused 0.0\n"


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": _EXAMPLE}}}},
)
async def metrics(deps: Deps) -> Response:
    """Return counters, gauges and histograms in the text format of Prometheus; they are at most a second old."""
    return Response(exposition(await deps.queue.figures()), media_type=MEDIA_TYPE)
