"""The pace of a queue: how long its parts wait, and how much they take at once."""

from dataclasses import dataclass

from raythumbs.db.database import STATEMENT_SECONDS
from raythumbs.db.record import AGAIN_SECONDS
from raythumbs.model.backoff import Backoff, random_backoff, random_slow_backoff


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What no setting changes. Tests hand in a faster pace."""

    statement_seconds: float = STATEMENT_SECONDS
    write_again_seconds: tuple[float, float] = AGAIN_SECONDS
    backoff: Backoff = random_backoff
    slow_backoff: Backoff = random_slow_backoff  # after an error that a person must act on
    learning: float = 0.1  # how much one photo changes the guess of a photo's seconds
    large_places: int = 32  # for large photos that wait for memory; more of them wait in the database
    large_again_seconds: float = 10  # until a large photo that found no place is tried again
    keys_a_page: int = 1000  # of a store and of the record, when they are compared
    backfill_rest_seconds: float = 1  # while backfills wait for room
    dispatch_rest_seconds: float = 1  # until jobs are looked for that have waited long enough
    admission_rest_seconds: float = 1  # between two looks at the length of the backlog
    collect_rest_seconds: float = 5  # between two deletions of leftovers
    follow_nodes_seconds: float = 2  # between two looks at the cluster's nodes
    reconsider_seconds: float = 20  # between two tries of a node in trouble
    sqs_pollers: int = 4  # each takes ten messages in some 50 ms, most of which it waits for SQS
    sqs_wait_seconds: int = 20  # for messages: the most that SQS allows, so the fewest calls
    handover_seconds: float = 30  # from the end of a drain to the end of the actor, which takes a tenth of a second
