"""Pause and resume, failures, and moves of many jobs over HTTP."""

import pytest


async def failed(service, folder):
    reply = await service.upload(("words.jpg", b"words"), folder_id=folder)
    return await service.ended(reply.json()["uploads"][0]["jobId"])


def test_a_pause_is_seen_everywhere_and_ended_by_a_resume(served):
    async def scenario(service):
        paused = (await service.http.post("/api/queue/pause", json={"reason": "moving"})).json()
        seen = [
            (await service.http.get("/api/queue")).json(),
            (await service.http.get("/api/thumbnails/status")).json()["queue"],
        ]
        ready = await service.http.get("/readyz")
        resumed = (await service.http.post("/api/queue/resume")).json()
        return paused, seen, ready, resumed, (await service.http.get("/readyz")).json()

    paused, seen, ready, resumed, after = served(scenario)

    assert (paused["state"], paused["reason"], paused["running"]) == ("paused", "moving", 0)
    assert paused["since"].endswith("Z")
    assert seen == [paused, paused]
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "queue": "paused"})
    assert resumed == {"state": "working", "running": 0, "since": None, "reason": None}
    assert after == {"status": "ready"}


@pytest.mark.parametrize("body", [{"reason": "x" * 501}, {"reason": "a\0b"}, {"why": "x"}, {"reason": 1}, []])
def test_a_pause_with_a_bad_body_pauses_nothing(served, body):
    async def scenario(service):
        reply = await service.http.post("/api/queue/pause", json=body)
        return reply.status_code, (await service.http.get("/api/queue")).json()["state"]

    assert served(scenario) == (422, "working")


def test_failures_are_grouped_and_retried_by_code_and_folder(served):
    async def scenario(service):
        jobs = [await failed(service, folder) for folder in ("album", "album", "other")]
        groups = (await service.http.get("/api/failures")).json()
        await service.http.post("/api/queue/pause")
        asked = {"code": "not_an_image", "folderId": "album"}
        changed = (await service.http.post("/api/jobs/retry", json=asked)).json()
        states = [(await service.http.get(f"/api/jobs/{job['jobId']}")).json()["state"] for job in jobs]
        cancelled = (await service.http.post("/api/jobs/cancel", json={"state": "queued"})).json()
        listed = (await service.http.get("/api/jobs", params={"folderId": "album", "state": "cancelled"})).json()
        by_code = (await service.http.get("/api/jobs", params={"code": "not_an_image"})).json()
        return groups, changed, states, cancelled, listed["jobs"], by_code["jobs"]

    groups, changed, states, cancelled, listed, by_code = served(scenario)

    (group,) = groups["failures"]
    assert (group["code"], group["count"], group["retryable"], groups["more"]) == ("not_an_image", 3, False, False)
    assert (changed["changed"], changed["more"]) == (2, False)
    assert states == ["queued", "queued", "failed"]
    assert cancelled["changed"] == 2
    assert len(listed) == 2
    assert len(by_code) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"until": "2026-01-01T00:00:00Z"},
        {"state": "succeeded"},
        {"code": ""},
        {"code": "a\0b"},
        {"folderId": ""},
        {"ids": []},
        {"ids": ["a"] * 1001},
        {"ids": ["x" * 65]},
        {"code": "a", "until": "2026-01-01T00:00:00"},
        {"code": "a", "all": True},
    ],
)
@pytest.mark.parametrize("verb", ["retry", "cancel"])
def test_a_selection_that_says_nothing_or_too_much_is_refused(served, verb, body):
    async def scenario(service):
        return await service.http.post(f"/api/jobs/{verb}", json=body)

    assert served(scenario).status_code == 422


@pytest.mark.parametrize("until", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_any_moment_may_be_named(served, until):
    async def scenario(service):
        return await service.http.post("/api/jobs/retry", json={"code": "a", "until": until})

    reply = served(scenario)
    assert (reply.status_code, reply.json()["changed"]) == (200, 0)
