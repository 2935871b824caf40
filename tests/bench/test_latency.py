import pytest

from raythumbs.bench.latency import run
from raythumbs.bench.plans import LatencyPlan
from raythumbs.errors import BadRequest


def test_a_far_store_is_not_asked_for_photos_that_come_in_parts():
    with pytest.raises(BadRequest, match="at most 7 MB"):
        run(LatencyPlan(size_mb=10, store_latency_ms=50), say=print)
