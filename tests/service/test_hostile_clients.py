"""Slow and hostile clients are held off or refused; good ones are served meanwhile, and nothing is lost."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from functools import cache
from urllib.parse import urlsplit

import pytest

from raythumbs.bench.chaos.clients.attack import Attack
from raythumbs.bench.chaos.clients.attackers import ATTACKS, FOREIGN_REQUESTS
from raythumbs.bench.chaos.clients.good import Served, be_good, seconds_until_answer, trickles
from raythumbs.bench.chaos.clients.malformed import MALFORMED, Malformed
from raythumbs.bench.pictures import draw_photo
from raythumbs.bench.wire import Answer, Connection, Door, connected, request
from raythumbs.client import Client
from tests.service.conftest import ended

SECONDS = 2.0
PATIENCE_SECONDS = 5  # a busy machine may stop everything for a second; `bench chaos --clients` measures
HOLDING = ("slow bodies", "slow bodies from one address", "slow headers", "idle connections")


@cache
def photo() -> bytes:
    return draw_photo(1, size_mb=0.1)


def door_of(service: Client) -> Door:
    return Door(urlsplit(service.url).port)


def small(name: str, clients: int) -> Attack:
    (attack,) = [one for one in ATTACKS if one.name == name]
    return replace(attack, clients=clients)


def served_during(attack: Attack, door: Door) -> tuple[Served, float]:
    """Return what good clients noticed, and how long after the attack the service answered."""
    pictures = trickles(photo())

    async def attacked() -> tuple[Served, float]:
        attacking = asyncio.create_task(attack.run(door, seconds=SECONDS))
        served = await be_good(door, pictures, seconds=SECONDS)
        await attacking
        return served, await seconds_until_answer(door, patience_seconds=30)

    return asyncio.run(attacked())


@pytest.mark.parametrize(
    "attack",
    [
        *(small(name, 300) for name in HOLDING),
        small("half-closed and reset connections", 50),
        small("120 MiB into a slow store", 2),
        small("chunks of one byte", 5),
        small("status requests", 50),
        small("lists of 1,000 jobs", 20),
        small("JSON of 4 MiB", 8),
        small("events of 100,000 records", 2),
        small("deep JSON", 4),
        small("photos that are bombs", 4),
    ],
    ids=lambda attack: attack.name,
)
def test_good_clients_are_served_while_others_attack(service, attack):
    served, again_seconds = served_during(attack, door_of(service))

    assert served.failures == {}
    assert again_seconds < PATIENCE_SECONDS
    assert len(served.job_ids) == SECONDS
    assert {ended(service, job_id)["state"] for job_id in served.job_ids} == {"succeeded"}
    assert service.ready() == {"status": "ready"}
    if attack.name in HOLDING:  # which take no CPU: nothing but the service itself can delay good clients
        assert served.waits("healthz").p50_ms < 300


async def answers_to(door: Door, content: bytes) -> Sequence[Answer]:
    """Return all answers until the service closes the connection, or until nothing more comes."""
    answers: list[Answer] = []
    try:
        async with asyncio.timeout(15), connected(door) as connection:
            await connection.send(content)
            while True:
                answers.append(await connection.answer())
    except (EOFError, ConnectionError):
        return answers
    except TimeoutError:
        assert answers, "the service neither answered nor closed the connection"
        return answers


def assert_refused(answer: Answer) -> None:
    assert 400 <= answer.status < 500, answer
    if answer.body.startswith(b"<html><body><h1>"):  # of HAProxy's own parser, which has no other words for no HTTP
        return
    assert answer.headers["content-type"].startswith("application/json"), answer
    told = json.loads(answer.body)
    assert told["code"]
    assert told["reason"]


@pytest.mark.parametrize("malformed", MALFORMED, ids=lambda malformed: malformed.name)
def test_a_malformed_request_is_refused_with_a_code_and_a_reason_or_its_connection_closed(
    service, malformed: Malformed
):
    answers = asyncio.run(answers_to(door_of(service), malformed.content))

    for answer in answers:
        if answer.status >= 400 or not malformed.may_succeed:
            assert_refused(answer)


@pytest.mark.parametrize("content", FOREIGN_REQUESTS, ids=["Host", "Host, POST", "Origin", "Sec-Fetch-Site"])
def test_what_a_foreign_web_page_sends_is_refused(service, content):
    (answer,) = asyncio.run(answers_to(door_of(service), content))

    assert_refused(answer)


def test_every_malformed_request_at_once_costs_no_photo_and_the_service_is_ready(service):
    served, again_seconds = served_during(small("malformed requests", len(MALFORMED)), door_of(service))

    assert served.failures == {}
    assert again_seconds < PATIENCE_SECONDS
    assert {ended(service, job_id)["state"] for job_id in served.job_ids} == {"succeeded"}
    assert service.ready() == {"status": "ready"}


async def status_of(door: Door, source: str) -> int:
    with closing(await Connection.to(door, source=source)) as connection:
        await connection.send(request("GET", "/nowhere"))
        return (await connection.answer()).status


def test_an_address_that_is_refused_too_often_waits_and_others_do_not(service):
    door = door_of(service)

    async def statuses() -> tuple[list[int], int]:
        return [await status_of(door, "127.77.0.1") for _ in range(1200)], await status_of(door, "127.77.0.2")

    hostile, good = asyncio.run(statuses())

    assert hostile[:900] == [404] * 900
    assert hostile[-1] == 429
    assert good == 404


def test_an_address_with_too_many_connections_is_refused_and_others_are_not(service):
    door = door_of(service)

    async def statuses() -> tuple[int, int]:
        async with AsyncExitStack() as stack:
            for _ in range(520):
                stack.enter_context(closing(await Connection.to(door, source="127.77.0.3")))
            return await status_of(door, "127.77.0.3"), await status_of(door, "127.77.0.4")

    assert asyncio.run(statuses()) == (429, 404)
