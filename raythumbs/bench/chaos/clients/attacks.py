"""The list of attacks."""

from collections.abc import Sequence

from raythumbs.bench.chaos.clients import connections, floods
from raythumbs.bench.chaos.clients.attack import Attack
from raythumbs.bench.chaos.clients.malformed import MALFORMED, malformed

ATTACKS: Sequence[Attack] = (
    Attack(name="slow bodies", clients=1000, client=connections.slow_body, seconds=60, has_latency_limit=True),
    Attack(name="slow bodies from one address", clients=1000, client=connections.slow_body, has_one_address=True,
           has_latency_limit=True),
    Attack(name="slow headers", clients=1000, client=connections.slow_header),
    Attack(name="idle connections", clients=4200, client=connections.idle),
    Attack(name="half-closed and reset connections", clients=100, client=connections.half_close_or_reset),
    Attack(name="120 MiB into a slow store", clients=8, client=connections.large_body, seconds=40),
    Attack(name="chunks of one byte", clients=50, client=connections.tiny_chunks),
    Attack(name="status requests", clients=200, client=floods.status),
    Attack(name="lists of 1,000 jobs", clients=200, client=floods.jobs),
    Attack(name="JSON of 4 MiB", clients=200, client=floods.large_json),
    Attack(name="malformed requests", clients=len(MALFORMED), client=malformed),
    Attack(name="foreign Host and Origin", clients=20, client=floods.foreign_page),
    Attack(name="events of 100,000 records", clients=8, client=floods.many_records),
    Attack(name="deep JSON", clients=20, client=floods.deep_json),
    Attack(name="photos that are bombs", clients=8, client=floods.bomb),
)  # fmt: skip
