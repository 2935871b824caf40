"""The bench of hostile clients counts what they were answered, and measures what good clients notice."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import repeat

import boto3
import pytest
from typer.testing import CliRunner

from raythumbs.bench.chaos.clients import attackers
from raythumbs.bench.chaos.clients.attack import Attack
from raythumbs.bench.chaos.clients.attackers import ATTACKS
from raythumbs.bench.chaos.clients.good import Trickle, Waits, be_good, seconds_until_answer
from raythumbs.bench.chaos.clients.memory import ReplicaMemory
from raythumbs.bench.chaos.clients.run import Row, chosen, run_clients
from raythumbs.bench.commands import bench
from raythumbs.bench.meter import MARK, Family
from raythumbs.bench.plans import ChaosPlan
from raythumbs.bench.servers import s3_server
from raythumbs.bench.wire import Connection, Door, connected, request
from raythumbs.cluster.free_port import free_port
from raythumbs.cluster.tcp_server import tcp_server
from raythumbs.errors import BadRequest

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
MIB = 1 << 20


@asynccontextmanager
async def a_service_that(behaves: Behaviour, *, port: int = 0) -> AsyncIterator[Door]:
    """Give the door of a service that does this with every connection; at the end, wait until all are closed."""
    doing = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        doing.append(asyncio.current_task())
        await behaves(reader, writer)

    async with tcp_server(serve, "127.0.0.1", port) as server:
        yield Door(server.sockets[0].getsockname()[1])
        await asyncio.gather(*doing)


def answering(reply: bytes) -> Behaviour:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n")
        writer.write(reply)
        writer.write_eof()
        await hold(reader, writer)

    return behave


async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer nothing until the client leaves."""
    try:
        while await reader.read(MIB):
            pass
    except ConnectionError:
        pass


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    Connection(reader, writer).reset()


TOO_MANY = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 408 Request Timeout\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
FINE = b"HTTP/1.1 200 OK\r\n\r\n{}"


def an_attack(client=attackers.slow_header, *, clients: int = 5, has_one_address: bool = False) -> Attack:
    return Attack(name="an attack", clients=clients, client=client, has_one_address=has_one_address)


async def answers(behaves: Behaviour, attack: Attack) -> dict[str, int]:
    async with a_service_that(behaves) as door:
        return dict(await attack.run(door, seconds=0.5))


@pytest.mark.parametrize(
    ("behaves", "counted"),
    [
        (answering(TOO_MANY), "429"),
        (answering(CHUNKED), "408"),
        (answering(FINE), "200"),
        (answering(b""), "closed"),
        (answering(TOO_MANY[:-1]), "cut short"),
        (answering(b"220 smtp.example\r\n\r\n"), "reset"),
        (reset, "reset"),
        (hold, "no answer"),
    ],
    ids=["answered", "in chunks", "to the end", "closed", "cut short", "no HTTP", "reset", "held"],
)
def test_every_client_of_an_attack_is_counted_by_what_it_was_answered(behaves, counted):
    assert asyncio.run(answers(behaves, an_attack())) == {counted: 5}


def test_clients_that_nobody_lets_in_are_counted():
    door = Door(free_port())

    assert asyncio.run(an_attack().run(door, seconds=0.5)) == {"not connected": 5}


def test_clients_that_leave_are_counted_apart_from_those_that_wait():
    assert asyncio.run(answers(hold, an_attack(attackers.half_close_or_reset, clients=4))) == {
        "left": 2,
        "closed": 2,
    }


@pytest.mark.parametrize(("has_one_address", "addresses"), [(False, 90), (True, 1)])
def test_the_clients_of_an_attack_come_from_other_addresses_than_good_ones(has_one_address, addresses):
    seen = set()

    async def look(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.add(writer.get_extra_info("peername")[0])
        await hold(reader, writer)

    asyncio.run(answers(look, an_attack(attackers.idle, clients=90, has_one_address=has_one_address)))

    assert len(seen) == addresses
    assert "127.0.0.1" not in seen


def test_a_slow_client_sends_a_piece_again_and_again_until_it_is_answered():
    received = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readexactly(3))
        writer.write(TOO_MANY)
        await hold(reader, writer)

    async def drip() -> int:
        async with a_service_that(listen) as door, connected(door) as connection:
            return (await connection.exchange(repeat(b"x"), every_seconds=0.01)).status

    assert asyncio.run(drip()) == 429
    assert received == [b"xxx"]


def test_an_answer_that_comes_before_the_whole_request_is_sent_is_counted():
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n")
        writer.write(TOO_MANY)
        await writer.drain()
        Connection(reader, writer).reset()

    assert asyncio.run(answers(refuse, an_attack(attackers.large_body))) == {"429": 5}


# --- good clients


def asked_of(reply: bytes, *, every_seconds: float):
    trickle = Trickle(name="healthz", every_seconds=every_seconds, content=request("GET", "/healthz"))

    async def ask():
        async with a_service_that(answering(reply)) as door:
            return await be_good(door, [trickle], seconds=0.5)

    return asyncio.run(ask())


def test_good_clients_ask_in_time_and_every_wait_is_measured():
    served = asked_of(FINE, every_seconds=0.1)

    waits = served.waits("healthz")
    assert waits.requests == 5
    assert 0 < waits.p50_ms <= waits.p99_ms <= waits.max_ms < 500
    assert not served.failures


@pytest.mark.parametrize(("reply", "failure"), [(TOO_MANY, "healthz 429"), (b"", "healthz IncompleteReadError")])
def test_a_good_client_that_is_refused_or_dropped_is_a_failure(reply, failure):
    served = asked_of(reply, every_seconds=0.25)

    assert served.failures == {failure: 2}
    assert served.waits("healthz").requests == 2


def test_the_ninety_ninth_percentile_of_few_waits_is_the_longest():
    waits = Waits.of([0.001 * number for number in range(1, 21)])

    assert (waits.p50_ms, waits.p99_ms, waits.max_ms) == (11, 20, 20)


def test_a_service_that_answers_late_is_waited_for():
    async def open_later() -> float:
        port = free_port()
        waiting = asyncio.create_task(seconds_until_answer(Door(port), patience_seconds=30))
        await asyncio.sleep(0.3)  # the moment at which it opens, not a state that is waited for
        async with a_service_that(answering(FINE), port=port):
            return await waiting

    assert 0.3 <= asyncio.run(open_later()) < 5


# --- memory


GROWS = """
import sys
held = []
for line in sys.stdin:
    held = [b"x" * int(line)] if int(line) else []
    print(flush=True)
"""


def test_the_memory_of_the_replica_is_watched_its_peak_kept_and_its_death_noticed():
    replica = subprocess.Popen(
        [sys.executable, "-c", GROWS, "ray::ServeReplica"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, MARK: "of-this-test"},
    )  # fmt: skip

    def hold_bytes(count: int) -> None:
        print(count, file=replica.stdin, flush=True)
        replica.stdout.readline()

    async def watch(memory: ReplicaMemory) -> int:
        async with memory.watched():
            hold_bytes(100 * MIB)
            rest = memory.peak_bytes
            await asyncio.sleep(0)
        hold_bytes(0)
        return await memory.fall(below_bytes=rest + MIB, seconds=30)

    with replica:
        hold_bytes(0)
        memory = ReplicaMemory(Family("of-this-test"))
        rest = memory.now_bytes()
        left = asyncio.run(watch(memory))
        replica.kill()
        replica.wait()

    assert rest > MIB
    assert memory.peak_bytes - rest > 90 * MIB
    assert left - rest < 10 * MIB
    assert (memory.now_bytes(), memory.deaths) == (0, 1)


# --- limits

QUICK = Waits(requests=10, p50_ms=5, p99_ms=300, max_ms=2000)
FLAWLESS = Row(
    attack="an attack", clients=5, seconds=1, has_latency_limit=True, answers={"408": 5}, healthz=QUICK, status=QUICK,
    upload=QUICK, failures={}, replica_deaths=0, begin_mb=0, peak_mb=600, left_mb=20, again_seconds=1.0,
)  # fmt: skip


def test_an_attack_that_good_clients_do_not_notice_exceeds_no_limit():
    assert list(FLAWLESS.exceeded(rest_mb=200)) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"failures": {"healthz 503": 1}}, "1 healthz 503"),
        ({"healthz": replace(QUICK, p99_ms=301)}, "/healthz took 301 ms"),
        ({"upload": replace(QUICK, max_ms=2001)}, "an upload took 2001 ms"),
        ({"replica_deaths": 1}, "1 replicas ended"),
        ({"again_seconds": 1.1}, "answered 1.1 s after"),
        ({"peak_mb": 601}, "grew by 601 MB"),
        ({"left_mb": 21}, "kept 21 MB"),
    ],
)
def test_each_limit_that_is_exceeded_is_named(change, told):
    (exceeded,) = replace(FLAWLESS, **change).exceeded(rest_mb=200)

    assert told in exceeded


def test_memory_that_an_earlier_attack_left_is_not_laid_to_the_next():
    assert not list(replace(FLAWLESS, begin_mb=700, peak_mb=705, left_mb=705).exceeded(rest_mb=200))
    assert len(list(replace(FLAWLESS, begin_mb=700, peak_mb=800, left_mb=800).exceeded(rest_mb=200))) == 2


def test_only_slow_bodies_have_limits_of_latency():
    slow = replace(QUICK, p99_ms=9000, max_ms=9000)

    assert not list(replace(FLAWLESS, has_latency_limit=False, healthz=slow, upload=slow).exceeded(rest_mb=200))
    assert {one.name for one in ATTACKS if one.has_latency_limit} == {"slow bodies", "slow bodies from one address"}


# --- the whole


def test_an_attack_of_an_unknown_name_is_refused():
    with pytest.raises(BadRequest, match="slow bodies; "):
        chosen(["slow boddies"])


@pytest.mark.parametrize("option", ["--only=slow bodies", "--seconds=5"])
def test_options_of_attacks_are_refused_for_the_kills(option):
    refused = CliRunner().invoke(bench, ["chaos", option])

    assert refused.exit_code == 2
    assert "--clients" in refused.output


def test_as_many_clients_attack_as_files_may_be_open():
    program = """
import resource
from raythumbs.bench.chaos.clients.attackers import ATTACKS
resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400))
print(max(one.connections for one in ATTACKS))
"""
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "300\n"


def test_the_slow_store_answers_large_objects_late_and_small_ones_at_once(aws_credentials):
    with s3_server(large_put_seconds=1) as address:
        s3 = boto3.client("s3", endpoint_url=address, region_name="us-east-1")
        s3.create_bucket(Bucket="photos")

        began = time.monotonic()
        s3.put_object(Bucket="photos", Key="small", Body=bytes(1000))
        between = time.monotonic()
        s3.put_object(Bucket="photos", Key="large", Body=bytes(2 * MIB))
        ended = time.monotonic()

        assert between - began < ended - between
        assert ended - between >= 1
        assert s3.head_object(Bucket="photos", Key="large")["ContentLength"] == 2 * MIB
        s3.close()


@pytest.mark.timeout(300)
@pytest.mark.needs("time")
def test_a_run_attacks_a_service_of_its_own_and_tells_what_good_clients_noticed():
    plan = ChaosPlan(clients=True, seconds=1, only=["malformed requests", "slow headers"], listed_jobs=20)

    report = run_clients(plan, say=print)

    result = report.as_json()
    assert [row["attack"] for row in result["rows"]] == ["slow headers", "malformed requests"]
    assert result["rows"][0]["answers"].keys() <= {"no answer", "408"}
    assert result["rows"][1]["answers"]["400"] > 10
    assert [row["healthz"]["requests"] for row in (result["rest"], *result["rows"])] == [10, 10, 10]
    assert (result["uploads"], result["lost"]) == (3, [])
    assert result["rest_mb"] > 50
    assert report.is_failure == bool(result["exceeded"])
    assert list(report.complaints) == result["exceeded"]
