"""Forms for uploads from browsers: to the bucket, against a real S3 server, and to the service itself."""

import base64
import json
import re

import httpx2
import pytest

from raythumbs.app import dependencies
from raythumbs.settings import load_settings
from tests.web.bucket_events import event_of


async def a_form(service, **asked):
    return await service.http.post("/api/uploads/presigned", json=asked)


def posted(form, data: bytes) -> httpx2.Response:
    """Post a form as a browser does: its fields, and then the file."""
    return httpx2.post(form["url"], data=form["fields"], files={form["fileField"]: ("a.jpg", data)})


def test_a_browser_uploads_to_the_bucket_whose_event_makes_the_thumbnails(served, photo, s3_endpoint, s3_bucket):
    async def scenario(service):
        form = (await a_form(service, contentType="image/jpeg", folderId="users/7")).json()
        stored = posted(form, photo)
        key = form["source"].removeprefix(f"s3://{s3_bucket}/")
        event = event_of(key, bucket=s3_bucket, name="ObjectCreated:Post")
        notified = (await service.http.post("/api/notifications/s3", content=event)).json()
        (waiting,) = (await service.http.get("/api/photos", params={"source": form["source"]})).json()["photos"]
        job = await service.ended(waiting["job"]["jobId"])
        folder = (await service.http.get("/api/folders/users/7")).json()
        thumbnail = await service.http.get("/thumbnails/by-source/thumbnail", params={"source": form["source"]})
        return form, stored, notified, job, folder, thumbnail

    form, stored, notified, job, folder, thumbnail = served(
        scenario, store=f"s3://{s3_bucket}/app", s3_endpoint_url=s3_endpoint
    )

    assert stored.is_success, stored.text
    assert notified["accepted"] == 1
    assert job["state"] == "succeeded", job
    assert (folder["total"], folder["succeeded"]) == (1, 1)
    assert httpx2.get(thumbnail.headers["location"]).headers["content-type"] == "image/jpeg"
    assert re.fullmatch(rf"s3://{s3_bucket}/app/uploads/users%2F7/[A-Za-z0-9_-]{{43}}", form["source"])


def test_without_a_bucket_the_same_form_leads_to_the_service(served, photo):
    async def scenario(service):
        form = (await a_form(service, contentType="image/jpeg", folderId="album")).json()
        files = {form["fileField"]: ("a.jpg", photo)}
        reply = await service.http.post(form["url"], data=form["fields"], files=files)
        return form, reply.status_code, (await service.http.get("/api/folders/album")).json()["total"]

    form, status, total = served(scenario)

    assert (status, total) == (202, 1)
    assert (form["method"], form["source"], form["expiresAt"]) == ("POST", None, None)


@pytest.fixture
def in_bucket(served, aws_credentials):
    """Ask for a form of a bucket that nobody reaches: signing needs no network."""

    def asked(given=None, **body):
        async def scenario(service):
            return await a_form(service, **body)

        return served(scenario, store="s3://photos", aws_region="eu-central-1", **(given or {}))

    return asked


def policy_of(form):
    return json.loads(base64.b64decode(form["fields"]["policy"]))["conditions"]


def test_the_form_keeps_the_key_the_type_and_the_size(in_bucket):
    form = in_bucket(contentType="image/png", sizeBytes=1234).json()

    conditions = policy_of(form)
    assert {"Content-Type": "image/png"} in conditions
    assert ["content-length-range", 1, 1234] in conditions
    assert {"bucket": "photos"} in conditions
    assert {"key": form["fields"]["key"]} in conditions
    assert form["maxBytes"] == 1234
    assert "eu-central-1" in form["fields"]["x-amz-credential"]


def test_without_a_size_a_photo_may_be_as_large_as_the_setting_allows(in_bucket):
    form = in_bucket({"max_photo_bytes": 5000}).json()

    assert ["content-length-range", 1, 5000] in policy_of(form)
    assert form["fields"]["Content-Type"] == "application/octet-stream"


def test_two_forms_have_two_keys_that_nobody_guesses(in_bucket):
    first, second = (in_bucket(folderId="album").json()["fields"]["key"] for _ in range(2))

    assert first.rpartition("/")[0] == second.rpartition("/")[0] == "uploads/album"
    assert first != second


@pytest.mark.parametrize(
    ("given", "body", "status", "code"),
    [
        ({}, {"contentType": "image/svg+xml"}, 400, "bad_request"),
        ({}, {"contentType": "text/html"}, 400, "bad_request"),
        ({}, {"sizeBytes": 128 * 1024 * 1024 + 1}, 413, "body_too_large"),
        ({}, {"sizeBytes": 0}, 422, "bad_request"),
        ({}, {"folderId": "/" * 400}, 422, "unstorable"),
        ({}, {"folderId": "x" * 1025}, 422, "unstorable"),
        ({}, {"colour": "red"}, 422, "bad_request"),
        ({"allowed_sources": ("s3://photos/2026/",)}, {}, 403, "source_not_allowed"),
        ({"max_backlog": 1, "min_free_memory_bytes": 1 << 60}, {}, 503, "overloaded"),
    ],
)
def test_a_form_for_what_would_not_become_a_thumbnail_is_refused(in_bucket, given, body, status, code):
    reply = in_bucket(given, **body)

    assert (reply.status_code, reply.json()["code"]) == (status, code)


def test_a_service_without_a_bucket_signs_nothing(tmp_path):
    assert dependencies(load_settings(data_dir=tmp_path), None).sign_upload is None
