import asyncio
import json
from datetime import datetime

import pytest

from raythumbs.errors import RaythumbsError
from raythumbs.model.selection import Selection
from raythumbs.web.bodies import JobBody


def s3_event(key: str, *, sequencer: str = "1", size: int | None = 1) -> bytes:
    told = {"bucket": {"name": "photos"}, "object": {"key": key, "size": size, "sequencer": sequencer}}
    return json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "eventTime": "t", "s3": told}]}).encode()


def submitted(body, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda service: service.http.post(
        "/api/jobs", content=content, headers={"Content-Type": "application/json", **headers}
    )


def test_submitted_sources_become_jobs_in_their_order_each_once(served, tmp_path):
    sources = [f"s3://photos/{n}.jpg" for n in (3, 1, 2, 1)]

    async def scenario(service):
        return await submitted({"sources": sources, "priority": "LOW", "folderId": "f"})(service)

    reply = served(scenario)

    assert reply.status_code == 202
    assert [job["source"] for job in reply.json()["jobs"]] == [f"s3://photos/{n}.jpg" for n in (3, 1, 2)]


def test_two_spellings_of_one_file_are_one_job(served, tmp_path):
    (tmp_path / "data" / "store").mkdir(parents=True)
    store = f"file://{tmp_path}/data/store"

    async def scenario(service):
        return await submitted({"sources": [f"{store}/a.jpg", f"{store}/./a.jpg"]})(service)

    assert len(served(scenario).json()["jobs"]) == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{not json", 400, "bad_json"),
        (b"\xff\xfe", 400, "bad_json"),
        ([], 422, "bad_request"),
        ({}, 422, "bad_request"),
        ({"sources": []}, 422, "bad_request"),
        ({"sources": "s3://photos/a.jpg"}, 422, "bad_request"),
        ({"sources": ["s3://photos/a.jpg"] * 1001}, 422, "bad_request"),
        ({"sources": ["s3://photos/a.jpg"], "priority": "URGENT"}, 422, "bad_request"),
        ({"sources": ["s3://photos/a.jpg"], "colour": "red"}, 422, "bad_request"),
        ({"sources": ["https://example.com/a.jpg"]}, 422, "bad_source"),
        ({"sources": ["s3://photos/" + "k" * 1025]}, 422, "bad_source"),
        ({"sources": ["s3://photos/a\0.jpg"]}, 422, "bad_source"),
        ({"sources": ["file:///etc/passwd"]}, 403, "source_not_allowed"),
        ({"sources": ["s3://photos/" + "k" * 5_000_000]}, 413, "body_too_large"),
    ],
)
def test_an_invalid_submission_is_refused_with_code_and_reason(served, body, status, code):
    async def scenario(service):
        reply = await submitted(body)(service)
        return reply, (await service.http.get("/api/jobs")).json()["jobs"]

    reply, jobs = served(scenario)

    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert set(reply.json()) == {"code", "reason"}
    assert jobs == []


def test_a_refusal_quotes_only_the_start_of_a_long_value(served):
    async def scenario(service):
        return await submitted({"sources": ["x" * 1_000_000]})(service)

    reply = served(scenario)

    assert (reply.json()["code"], len(reply.content) < 2000) == ("bad_source", True)


@pytest.mark.parametrize("path", ["/api/jobs", "/api/notifications/s3"])
def test_a_body_that_announces_no_length_is_refused_at_its_limit(served, path):
    async def scenario(service):
        async def body():
            for _ in range(3):
                yield b" " * 1000

        return await service.http.post(path, content=body(), headers={"Content-Type": "application/json"})

    reply = served(scenario, max_body_bytes=2000)

    assert (reply.status_code, reply.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("key", ["a/../b.jpg", "写真.jpg", "a b+c.jpg", "k" * 1024, "%41.jpg"])
def test_a_key_may_have_unusual_characters(served, key):
    async def scenario(service):
        return await submitted({"sources": [f"s3://photos/{key}"]})(service)

    (job,) = served(scenario).json()["jobs"]

    assert job["source"] == f"s3://photos/{key}"


def test_an_unknown_id_is_404_with_its_code(served):
    paths = {
        "/api/jobs/nothing": "unknown_job",
        "/api/photos/nothing": "unknown_photo",
        "/thumbnails/nothing.jpg": "unknown_thumbnail",
        "/nothing": "not_found",
    }

    async def scenario(service):
        return {path: await service.http.get(path) for path in paths}

    replies = served(scenario)

    assert {path: (reply.status_code, reply.json()["code"]) for path, reply in replies.items()} == {
        path: (404, code) for path, code in paths.items()
    }


OUTWARD = [
    "../originals/x", "..%2foriginals%2fx", "%2e%2e/%2e%2e/raythumbs.db", "....//raythumbs.db", "/etc/passwd", "a\0b",
]  # fmt: skip


def test_no_thumbnails_path_leads_out_of_the_thumbnails(served, photo):
    async def scenario(service):
        (uploaded,) = (await service.upload(("a.jpg", photo))).json()["uploads"]
        await service.ended(uploaded["jobId"])
        return [await service.http.get(f"/thumbnails/{path}".replace("\0", "%00")) for path in OUTWARD]

    assert [reply.status_code for reply in served(scenario)] == [404] * len(OUTWARD)


def test_no_link_among_the_thumbnails_leads_out_of_the_store(served, tmp_path):
    async def scenario(service):
        thumbnails = service.settings.data_dir / "store" / "thumbnails"
        thumbnails.mkdir(parents=True)
        (tmp_path / "secret.jpg").write_bytes(b"secret")
        (thumbnails / "a.jpg").symlink_to(tmp_path / "secret.jpg")
        (thumbnails / "b").symlink_to(tmp_path)
        return [await service.http.get(f"/thumbnails/{path}") for path in ("a.jpg", "b/secret.jpg")]

    assert [reply.status_code for reply in served(scenario)] == [404, 404]


def test_a_failed_job_can_be_retried_and_a_succeeded_one_cannot(served, photo):
    async def scenario(service):
        (good,) = (await service.upload(("a.jpg", photo))).json()["uploads"]
        (bad,) = (await service.upload(("b.jpg", b"words"))).json()["uploads"]
        await service.ended(good["jobId"])
        failed = await service.ended(bad["jobId"])
        retried = await service.http.post(f"/api/jobs/{bad['jobId']}/retry")
        again = await service.ended(bad["jobId"])
        refused = [await service.http.post(f"/api/jobs/{good['jobId']}/{verb}") for verb in ("retry", "cancel")]
        return failed, retried, again, refused

    failed, retried, again, refused = served(scenario)

    assert (failed["state"], failed["code"]) == ("failed", "not_an_image")
    assert retried.status_code == 200
    assert (again["state"], again["attempt"]) == ("failed", 2)
    assert [(one["number"], one["outcome"], one["code"]) for one in again["attempts"]] == [
        (1, "failed", "not_an_image"),
        (2, "failed", "not_an_image"),
    ]
    assert [(reply.status_code, reply.json()["code"]) for reply in refused] == [(409, "illegal_move")] * 2


def test_jobs_are_listed_page_by_page_the_newest_first(served):
    sources = [f"s3://photos/{n}.jpg" for n in range(7)]

    async def scenario(service):
        await submitted({"sources": sources})(service)
        pages, cursor = [], ""
        while cursor is not None:
            page = (
                await service.http.get("/api/jobs", params={"limit": 3, "cursor": cursor} if cursor else {"limit": 3})
            ).json()
            pages.append([job["jobId"] for job in page["jobs"]])
            cursor = page["nextCursor"]
        return pages

    pages = served(scenario)

    ids = [job_id for page in pages for job_id in page]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert len(set(ids)) == 7
    assert ids == sorted(ids, reverse=True)


def test_an_event_becomes_a_job_once(served):
    async def scenario(service):
        replies = [
            await service.http.post("/api/notifications/s3", content=s3_event("a+cat.jpg", sequencer=sequencer))
            for sequencer in ("1", "1", "2")
        ]
        return replies, (await service.http.get("/api/jobs")).json()["jobs"]

    replies, jobs = served(scenario)

    assert [reply.json() for reply in replies[:2]] == [
        {"accepted": 1, "removed": 0, "ignored": 0},
        {"accepted": 0, "removed": 0, "ignored": 1},
    ]
    assert {reply.status_code for reply in replies} == {200}
    assert {job["source"] for job in jobs} == {"s3://photos/a cat.jpg"}


@pytest.mark.parametrize("key", ["thumbnails/ab/cd/thumbnail.jpg", "originals/4a/019f-of-an-upload"])
def test_an_event_about_the_services_own_objects_makes_no_job(served, key):
    async def scenario(service):
        own = s3_event(key)
        return await service.http.post("/api/notifications/s3", content=own)

    reply = served(scenario, store="s3://photos/", aws_region="us-east-1")

    assert (reply.status_code, reply.json()) == (200, {"accepted": 0, "removed": 0, "ignored": 1})


@pytest.mark.parametrize(("key", "size"), [("2026/", 0), ("2026/", None), ("2026_%24folder%24", 0)])
def test_an_event_of_the_marker_of_a_folder_makes_no_job(served, key, size):
    async def scenario(service):
        return await service.http.post("/api/notifications/s3", content=s3_event(key, size=size))

    reply = served(scenario)

    assert (reply.status_code, reply.json()) == (200, {"accepted": 0, "removed": 0, "ignored": 1})


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"[]", 400), (b'{"Records": 1}', 400), (b'{"Event": "s3:TestEvent"}', 200)]
)
def test_a_notification_is_understood_or_refused(served, body, status):
    async def scenario(service):
        return await service.http.post("/api/notifications/s3", content=body)

    assert served(scenario).status_code == status


def test_where_a_token_is_set_events_must_bring_it(served):
    async def scenario(service):
        without = await service.http.post("/api/notifications/s3", content=s3_event("a.jpg"))
        bearer = {"Authorization": "Bearer sesame"}
        return without, await service.http.post("/api/notifications/s3", content=s3_event("a.jpg"), headers=bearer)

    without, brought = served(scenario, notification_token="sesame")

    assert (without.status_code, without.json()["code"]) == (401, "unauthorised")
    assert brought.status_code == 200


def test_the_status_has_the_names_that_its_users_know(served, photo):
    async def scenario(service):
        (uploaded,) = (await service.upload(("a.jpg", photo))).json()["uploads"]
        await service.ended(uploaded["jobId"])
        async with asyncio.timeout(20):
            while (answer := (await service.http.get("/api/thumbnails/status")).json())["processing"]:
                await asyncio.sleep(0.3)  # its batch ends a moment after the job; answers are kept for 0.2 s
        return answer

    answer = served(scenario)

    assert {name: answer[name] for name in ("queueSize", "activeWorkers", "maxWorkers", "processing", "cpuCount")} == {
        "queueSize": 0, "activeWorkers": 0, "maxWorkers": 1, "processing": False, "cpuCount": 1,
    }  # fmt: skip
    assert answer["backlog"] == {"HIGH": 0, "NORMAL": 0, "LOW": 0}
    assert set(answer["states"]) == {"queued", "running", "succeeded", "failed", "cancelled"}
    assert answer["nodes"] == [{"node": "here", "address": "", "cpus": 1, "slots": 1, "busy": 0, "trouble": None}]
    assert {"backlogAgeSeconds", "photosPerSecond", "running", "draining"} <= set(answer)


def test_times_are_iso_8601_in_utc(served):
    async def scenario(service):
        (job,) = (await submitted({"sources": ["s3://photos/a.jpg"]})(service)).json()["jobs"]
        return (await service.http.get(f"/api/jobs/{job['jobId']}")).json()

    answer = served(scenario)

    assert answer["createdAt"].endswith("Z")
    assert datetime.fromisoformat(answer["createdAt"]).tzinfo is not None


def test_without_its_store_the_service_is_alive_but_not_ready(served):
    async def scenario(service):
        ready = await service.http.get("/readyz")
        store = service.settings.data_dir / "store"
        (store / ".unfinished").rmdir()
        store.rmdir()
        store.touch()
        return ready, await service.http.get("/readyz"), await service.http.get("/healthz")

    ready, unready, alive = served(scenario)

    assert ready.json() == {"status": "ready"}
    assert (unready.status_code, unready.json()["code"]) == (503, "store_unavailable")
    assert alive.json() == {"status": "alive"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_load_balancer_may_ask_for_the_head_alone(served, path):
    async def scenario(service):
        return await service.http.head(path)

    assert served(scenario).status_code == 200


def test_a_bug_is_answered_without_internal_details(served, monkeypatch):
    async def stumbling(*_, **__):
        raise RuntimeError("a secret of the inside")

    async def scenario(service):
        monkeypatch.setattr(service.queue, "jobs", stumbling)
        return await service.http.get("/api/jobs")

    reply = served(scenario)

    assert (reply.status_code, reply.json()["code"]) == (500, "internal")
    assert "inside" not in reply.text


def test_the_pages_for_people_and_programs_are_there(served):
    async def scenario(service):
        return await service.http.get("/docs"), (await service.http.get("/openapi.json")).json()

    docs, openapi = served(scenario)

    assert "swagger" in docs.text.lower()
    assert "multipart/form-data" in openapi["paths"]["/api/uploads/direct"]["post"]["requestBody"]["content"]


def test_every_error_has_a_code_and_a_status():
    def leaves(kind):
        return [leaf for child in kind.__subclasses__() for leaf in leaves(child)] or [kind]

    for error in leaves(RaythumbsError):
        assert error.code.islower()
        assert 400 <= error.http_status < 600


def test_the_same_answer_to_many_clients_is_serialised_once(served, monkeypatch):
    written = []
    of = JobBody.of

    async def scenario(service):
        await submitted({"sources": ["s3://photos/a.jpg"]})(service)
        page = await service.queue.jobs(Selection(), after=None, limit=100)

        async def same_page(*_asked, **_options):
            return page

        service.queue.jobs = same_page
        monkeypatch.setattr(JobBody, "of", lambda job, base: written.append(job) or of(job, base))
        return [(await service.http.get("/api/jobs")).json() for _ in range(5)]

    replies = served(scenario)

    assert all(reply == replies[0] for reply in replies)
    assert (replies[0]["jobs"][0]["source"], len(written)) == ("s3://photos/a.jpg", 1)


def test_a_job_has_the_name_of_its_photo_also_in_a_list(served, photo):
    async def scenario(service):
        (job,) = (await service.upload(("cat.jpg", photo))).json()["uploads"]
        alone = await service.ended(job["jobId"])
        return [alone, *(await service.http.get("/api/jobs")).json()["jobs"]]

    assert [job["fileName"] for job in served(scenario)] == ["cat.jpg", "cat.jpg"]
