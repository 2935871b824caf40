"""Events that come all at once, with keys that nobody would choose, or beside one that nobody can read."""

import asyncio
import json
import unicodedata
from urllib.parse import quote_plus

import pytest

from tests.web.test_api import s3_event

PATH = "/api/notifications/s3"


def test_one_event_that_comes_a_thousand_times_at_once_makes_one_job(served):
    async def scenario(service):
        replies = await asyncio.gather(*(service.http.post(PATH, content=s3_event("cat.jpg")) for _ in range(1000)))
        return replies, (await service.http.get("/api/jobs")).json()["jobs"]

    replies, jobs = served(scenario)

    assert {reply.status_code for reply in replies} == {200}
    assert sum(reply.json()["accepted"] for reply in replies) == 1
    assert sum(reply.json()["ignored"] for reply in replies) == 999
    assert len(jobs) == 1


KEYS = {
    "plus": "1+1.jpg",
    "percent": "100%.jpg",
    "escape": "a%2Bb.jpg",
    "composed": unicodedata.normalize("NFC", "é.jpg"),
    "decomposed": unicodedata.normalize("NFD", "é.jpg"),
    "emoji": "🐈‍⬛.jpg",
    "right to left": "\u202egpj.exe",
    "newline": "a\nb.jpg",
    "climbing": "../../etc/passwd",
    "absolute": "/etc/passwd",
    "empty folder": "a//b.jpg",
    "dots": "././a.jpg",
    "longest": "k" * 1024,
    "wide": "猫" * 341,
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_an_ugly_key_is_kept_exactly_as_it_is(served, key):
    async def scenario(service):
        reply = await service.http.post(PATH, content=s3_event(quote_plus(key)))
        return reply, (await service.http.get("/api/jobs")).json()["jobs"]

    reply, jobs = served(scenario)

    assert (reply.status_code, reply.json()["accepted"]) == (200, 1)
    assert [job["source"] for job in jobs] == [f"s3://photos/{key}"]


@pytest.mark.parametrize("bad", ["a%00.jpg", "k" * 1025], ids=["NUL", "too long"])
def test_an_event_that_cannot_be_kept_does_not_keep_out_the_others_of_its_message(served, bad):
    records = [json.loads(s3_event(key))["Records"][0] for key in ("first.jpg", bad, "last.jpg")]

    async def scenario(service):
        body = json.dumps({"Records": records}).encode()
        replies = [await service.http.post(PATH, content=body) for _ in range(2)]
        return replies, (await service.http.get("/api/jobs")).json()["jobs"]

    replies, jobs = served(scenario)

    assert [(reply.status_code, reply.json()["accepted"]) for reply in replies] == [(200, 2), (200, 0)]
    assert {job["source"] for job in jobs} == {"s3://photos/first.jpg", "s3://photos/last.jpg"}
