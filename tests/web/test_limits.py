"""Bodies that are slow, many or large: which are refused, and which still get through."""

import asyncio

import pytest

from tests.web.senders import Sender

FORM = {"content-type": "multipart/form-data; boundary=x"}
FILE = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\nphoto'
UPLOAD = "/api/uploads/direct"
EVENTS = "/api/notifications/s3"


def app_of(service):
    return service.http._transport.app


def upload(service, **given):
    return Sender(app_of(service), UPLOAD, headers=FORM | given.pop("headers", {}), **given).begin()


def event(service, **given):
    return Sender(app_of(service), EVENTS, **given).begin()


async def let_time_pass(service, seconds):
    """Move the clock of all waits for bodies."""
    layer = app_of(service).middleware_stack
    while not hasattr(layer, "_waits"):
        layer = getattr(layer, "app", None) or layer._app
    for _ in range(int(seconds / layer._waits._tick_seconds)):
        layer._waits.tick()
        await asyncio.sleep(0)


@pytest.mark.parametrize("begin", [upload, event])
def test_a_body_that_stops_coming_is_answered_408_and_nothing_of_it_is_kept(served, begin):
    async def scenario(service):
        slow = begin(service)
        await slow.send(FILE if begin is upload else b"{")
        await let_time_pass(service, 12)
        answer = await slow.answered()
        jobs = (await service.http.get("/api/jobs")).json()["jobs"]
        return answer, service.originals, jobs

    (status, headers, body), originals, jobs = served(scenario)

    assert (status, body["code"], headers["connection"]) == (408, "too_slow", "close")
    assert (originals, jobs) == ([], [])


def test_a_body_that_never_begins_is_too_slow_too(served):
    async def scenario(service):
        slow = upload(service)
        await slow.is_waited_for()
        await let_time_pass(service, 12)
        return await slow.answered()

    assert served(scenario)[0] == 408


def test_there_is_no_time_limit_for_an_answer(served):
    async def scenario(service):
        asked, gate = asyncio.Event(), asyncio.Event()
        enqueue = service.queue.enqueue

        async def slowly(requests):
            asked.set()
            await gate.wait()
            return await enqueue(requests)

        service.queue.enqueue = slowly
        patient = upload(service)
        await patient.send(FILE + b"\r\n--x--\r\n", more=False)
        await asked.wait()
        await let_time_pass(service, 100)
        gate.set()
        return await patient.answered()

    assert served(scenario)[0] == 202


def test_slow_uploads_of_one_client_are_limited_and_others_are_not(served):
    async def scenario(service):
        slow = [upload(service) for _ in range(3)]
        for one in slow:
            await one.is_waited_for()
        refused = await upload(service).answered()
        other = upload(service, peer="192.0.2.2")
        await other.send(FILE + b"\r\n--x--\r\n", more=False)
        accepted = await other.answered()
        for one in slow:
            one.leave()
        return refused, accepted

    (status, headers, body), accepted = served(scenario, max_arriving_per_client=3)

    assert (status, body["code"], accepted[0]) == (429, "too_many_bodies", 202)
    assert (int(headers["retry-after"]) > 0, headers["connection"]) == (True, "close")


def test_arriving_uploads_are_limited_in_all_and_do_not_limit_events_or_reads(served):
    async def scenario(service):
        slow = [upload(service, peer=f"192.0.2.{n}") for n in range(3)]
        for one in slow:
            await one.is_waited_for()
        refused = await upload(service, peer="192.0.2.9").answered()
        notice = event(service)
        await notice.send(b'{"Event": "s3:TestEvent"}', more=False)
        others = [await service.http.get(path) for path in ("/healthz", "/readyz", "/api/thumbnails/status")]
        for one in slow:
            one.leave()
        return refused, (await notice.answered())[0], [reply.status_code for reply in others]

    (status, headers, body), notified, others = served(scenario, max_arriving=3)

    assert (status, body["code"], notified, others) == (503, "overloaded", 200, [200, 200, 200])
    assert int(headers["retry-after"]) > 0


def test_a_place_is_free_again_after_its_body_arrived_was_refused_or_was_abandoned(served):
    async def scenario(service):
        statuses = []
        for piece, more in ((FILE + b"\r\n--x--\r\n", False), (b"no form", False), (FILE, True)):
            for _ in range(3):
                one = upload(service)
                await one.send(piece, more=more)
                if more:
                    one.leave()
                    await one._task
                else:
                    statuses.append((await one.answered())[0])
        return statuses

    assert served(scenario, max_arriving=1, max_arriving_per_client=1) == [202] * 3 + [400] * 3


def test_a_local_program_is_not_limited_as_one_client(served):
    async def scenario(service):
        slow = [upload(service, peer="127.0.0.1") for _ in range(3)]
        for one in slow:
            await one.is_waited_for()
        last = upload(service, peer="127.0.0.1")
        await last.send(FILE + b"\r\n--x--\r\n", more=False)
        for one in slow:
            one.leave()
        return await last.answered()

    assert served(scenario, max_arriving_per_client=1)[0] == 202


def test_large_bodies_that_are_held_in_memory_share_a_budget_and_small_ones_get_through(served):
    async def scenario(service):
        large = [event(service, peer=f"192.0.2.{n}") for n in range(20)]
        for one in large:
            await one.send(b" " * 4_000_000)
        answers = [await one.answered() for one in large if one.said]
        small = event(service)
        await small.send(b'{"Event": "s3:TestEvent"}', more=False)
        held = [one for one in large if not one.said]
        for one in held:
            one.leave()
        return len(held), answers, await small.answered()

    held, answers, small = served(scenario)

    assert (held, small[0]) == (16, 200)
    assert [(status, body["code"]) for status, _, body in answers] == [(503, "overloaded")] * 4
    assert all(int(headers["retry-after"]) > 0 for _, headers, _ in answers)


def test_the_memory_of_a_body_is_free_again_after_its_answer(served):
    async def scenario(service):
        statuses = []
        for _ in range(20):
            one = event(service)
            await one.send(b" " * 4_000_000, more=False)
            statuses.append((await one.answered())[0])
        return statuses

    assert served(scenario) == [400] * 20
