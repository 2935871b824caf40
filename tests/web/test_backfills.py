"""The routes of backfills."""

import pytest


async def begun(service, **body):
    return await service.http.post("/api/backfills", json=body)


def test_a_backfill_is_begun_shown_paused_resumed_and_cancelled(served, tmp_path):
    (tmp_path / "photos").mkdir()
    source = f"file://{tmp_path}/photos/"

    async def scenario(service):
        first = await begun(service, source=source, glob="*.jpg", since="2026-01-01T00:00:00+01:00", limit=5)
        backfill_id = first.json()["id"]
        shown = await service.http.get(f"/api/backfills/{backfill_id}")
        listed = await service.http.get("/api/backfills")
        while shown.json()["state"] == "listing":
            shown = await service.http.get(f"/api/backfills/{backfill_id}")
        refused = await service.http.post(f"/api/backfills/{backfill_id}/pause")
        return first, shown.json(), listed.json(), refused

    first, shown, listed, refused = served(scenario, allowed_sources=(f"file://{tmp_path}/photos/",))

    assert (first.status_code, first.json()["state"]) == (202, "listing")
    assert shown.keys() >= {
        "listed",
        "enqueued",
        "skipped",
        "failed",
        "total",
        "photosPerSecond",
        "secondsLeft",
        "error",
    }
    assert (shown["state"], shown["source"], shown["since"]) == ("done", source, "2025-12-31T23:00:00Z")
    assert [one["id"] for one in listed["backfills"]] == [shown["id"]]
    assert (refused.status_code, refused.json()["code"]) == (409, "illegal_move")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"source": "file:///etc/"}, 403, "source_not_allowed"),
        ({"source": "file:///"}, 403, "source_not_allowed"),
        ({"source": "/srv/photos"}, 422, "bad_source"),
        ({"source": "s3://"}, 422, "bad_source"),
        ({"source": "s3://a/../"}, 422, "bad_source"),
        ({"source": "https://photos/"}, 422, "bad_source"),
        ({"source": "s3://photos/", "limit": 0}, 422, None),
        ({"source": "s3://photos/", "since": "2026-01-01T00:00:00"}, 422, None),
        ({"source": "s3://photos/", "since": "0001-01-01T00:00:00+14:00"}, 422, None),
        ({"source": "s3://photos/", "glob": ""}, 422, None),
        ({"source": "s3://photos/", "glob": "*" * 2000}, 422, None),
        ({"source": "s3://photos/", "speed": 9}, 422, None),
    ],
)
def test_what_cannot_be_backfilled_is_refused(served, body, status, code):
    async def scenario(service):
        return await begun(service, **body)

    refused = served(scenario)

    assert refused.status_code == status
    assert code in {None, refused.json()["code"]}


def test_an_unknown_backfill_is_not_found(served):
    async def scenario(service):
        return await service.http.get("/api/backfills/none"), await service.http.post("/api/backfills/none/cancel")

    for reply in served(scenario):
        assert (reply.status_code, reply.json()["code"]) == (404, "unknown_backfill")


def test_a_prefix_and_a_whole_bucket_are_places(served):
    async def scenario(service):
        replies = [await begun(service, source=source) for source in ("s3://photos", "s3://photos/2026/IMG_")]
        return [reply.json()["source"] for reply in replies]

    assert served(scenario, allowed_sources=("s3://photos/",)) == ["s3://photos/", "s3://photos/2026/IMG_"]


def test_uploads_may_be_low(served, photo):
    async def scenario(service):
        reply = await service.http.post(
            "/api/uploads/direct", params={"priority": "LOW"}, files=[("file", ("2026/a b.jpg", photo))]
        )
        return await service.ended(reply.json()["uploads"][0]["jobId"]), reply.json()["uploads"][0]["fileName"]

    job, name = served(scenario)

    assert (job["priority"], name) == ("LOW", "2026/a b.jpg")
