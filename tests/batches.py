"""What a test answers a batch that asks for more."""

from collections.abc import Sequence
from concurrent.futures import Future

from raythumbs.model.lease import Lease


def given(*leases: Lease) -> "Future[Sequence[Lease]]":
    answer: Future[Sequence[Lease]] = Future()
    answer.set_result(leases)
    return answer


def no_more(_room: int) -> "Future[Sequence[Lease]]":
    return given()
