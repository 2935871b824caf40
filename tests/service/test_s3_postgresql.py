"""The service on S3 and PostgreSQL: both real servers."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import psycopg
import pytest
from standardwebhooks import Webhook

from raythumbs.client import Client
from tests.service.conftest import ended, eventually, opened
from tests.service.on_s3 import BUCKET, SECRETS, Run, client_of

pytestmark = pytest.mark.needs("time")  # another start of the service


@pytest.fixture(scope="module")
def bucket(run: Run) -> Any:
    return run.bucket


@pytest.fixture(scope="module")
def client(run: Run) -> Iterator[Client]:
    with client_of(run) as client:
        yield client


def s3_event(key: str, *, sequencer: str, name: str = "ObjectCreated:Put") -> bytes:
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": "2026-01-01T00:00:00.000Z",
        "eventName": name,
        "s3": {"bucket": {"name": BUCKET}, "object": {"key": key, "size": 1, "sequencer": sequencer}},
    }
    return json.dumps({"Records": [record]}).encode()


def notified(client: Client, body: bytes, token: str = SECRETS["notification token"]) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return client._http.post("/api/notifications/s3", content=body, headers=headers)


def job_of(client: Client, source: str) -> dict:
    return next(job for job in client.jobs() if job["source"] == source)


def test_an_upload_and_its_thumbnail_are_in_the_bucket_and_the_address_in_the_database(client, run, photographs):
    (uploaded,) = client.upload([photographs["astronaut"]])

    job = ended(client, uploaded["jobId"])

    assert job["state"] == "succeeded"
    keys = [item["Key"] for item in run.bucket.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert uploaded["source"].removeprefix(f"s3://{BUCKET}/") in keys
    with psycopg.connect(run.database) as connection:
        (url,) = connection.execute("SELECT url FROM renditions WHERE photo_id = %s", [job["photoId"]]).fetchone()
    assert [key for key in keys if url.endswith(key)]


def test_the_thumbnails_link_opens_without_credentials(client, photographs):
    (uploaded,) = client.upload([photographs["coffee"]])
    job = ended(client, uploaded["jobId"])

    link = client.photo(job["photoId"])["renditions"][0]["url"]
    reply = httpx2.get(link)

    assert "X-Amz-Signature" in link
    assert reply.headers["content-type"] == "image/jpeg"
    assert max(opened(reply.content).size) == 300


@pytest.mark.parametrize(
    ("key", "encoded"),
    [
        ("2026/a cat.jpg", "2026/a+cat.jpg"),
        ("2026/1+1.jpg", "2026/1%2B1.jpg"),
        ("2026/grüße.jpg", "2026/gr%C3%BC%C3%9Fe.jpg"),
        ("a/../b.jpg", "a/../b.jpg"),
        ("k" * 1024, "k" * 1024),
    ],
)
def test_an_s3_event_becomes_a_thumbnail_whatever_its_key(client, bucket, photographs, key, encoded):
    bucket.upload_file(str(photographs["cat"]), BUCKET, key)

    reply = notified(client, s3_event(encoded, sequencer="01"))

    assert (reply.status_code, reply.json()) == (200, {"accepted": 1, "removed": 0, "ignored": 0})
    job = ended(client, job_of(client, f"s3://{BUCKET}/{key}")["jobId"])
    assert (job["state"], job["priority"]) == ("succeeded", "NORMAL")


def test_a_repeated_event_makes_no_second_job(client, bucket, photographs):
    bucket.upload_file(str(photographs["cat"]), BUCKET, "twice.jpg")
    first = notified(client, s3_event("twice.jpg", sequencer="02"))
    ended(client, job_of(client, f"s3://{BUCKET}/twice.jpg")["jobId"])

    second = notified(client, s3_event("twice.jpg", sequencer="02"))

    assert first.json() == {"accepted": 1, "removed": 0, "ignored": 0}
    assert (second.status_code, second.json()) == (200, {"accepted": 0, "removed": 0, "ignored": 1})


def test_the_services_own_thumbnails_deletions_and_tests_make_no_job(client):
    own = s3_event("thumbnails/ab/cd/thumbnail.jpg", sequencer="03")
    deleted = s3_event("gone.jpg", sequencer="04", name="ObjectRemoved:Delete")
    test = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}).encode()

    replies = [notified(client, body) for body in (own, deleted, test)]

    assert [(reply.status_code, reply.json()["accepted"]) for reply in replies] == [(200, 0)] * 3


def test_an_event_without_the_token_is_refused(client):
    reply = notified(client, s3_event("a.jpg", sequencer="05"), token="wrong")

    assert (reply.status_code, reply.json()["code"]) == (401, "unauthorised")


def test_a_signed_b2_event_becomes_a_thumbnail(client, bucket, photographs):
    bucket.upload_file(str(photographs["flower"]), BUCKET, "b2/flower 1.jpg")
    event = {
        "eventType": "b2:ObjectCreated:Upload", "eventId": "e-1", "bucketName": BUCKET, "objectName": "b2/flower 1.jpg",
        "objectSize": 1, "objectVersionId": "v1",
    }  # fmt: skip
    body = json.dumps({"events": [event]}).encode()
    signature = "v1=" + hmac.new(SECRETS["B2 secret"].encode(), body, hashlib.sha256).hexdigest()

    def sent(header: str) -> httpx2.Response:
        headers = {"X-Bz-Event-Notification-Signature": header}
        return httpx2.post(f"{client.url}/api/notifications/b2", content=body, headers=headers)  # without a key

    assert sent("v1=" + "0" * 64).status_code == 401
    assert sent(signature).json() == {"accepted": 1, "removed": 0, "ignored": 0}
    job = job_of(client, f"s3://{BUCKET}/b2/flower 1.jpg")
    assert ended(client, job["jobId"])["state"] == "succeeded"


def test_a_submitted_source_that_does_not_exist_fails_with_its_code(client):
    (job,) = client.submit([f"s3://{BUCKET}/no-such.jpg"], priority="LOW")

    job = ended(client, job["jobId"])

    assert (job["state"], job["code"], job["priority"]) == ("failed", "no_such_object", "LOW")


def test_a_photo_that_was_missing_can_be_retried_when_it_is_there(client, bucket, photographs):
    (late,) = client.submit([f"s3://{BUCKET}/late.jpg"])
    assert ended(client, late["jobId"])["state"] == "failed"

    bucket.upload_file(str(photographs["temple"]), BUCKET, "late.jpg")
    client.retry(late["jobId"])

    assert ended(client, late["jobId"])["state"] == "succeeded"


def test_a_source_of_another_bucket_is_refused(client):
    reply = client._http.post("/api/jobs", json={"sources": ["s3://private/a.jpg"]})

    assert (reply.status_code, reply.json()["code"]) == (403, "source_not_allowed")


def test_an_upload_that_is_broken_off_leaves_nothing_in_the_bucket(client, bucket, photographs):
    before = {item["Key"] for item in bucket.list_objects_v2(Bucket=BUCKET).get("Contents", [])}
    good = photographs["cat"].read_bytes()

    reply = client._http.post("/api/uploads/direct", files=[("file", ("a.jpg", good)), ("file", ("b.jpg", b""))])

    assert (reply.status_code, reply.json()["code"]) == (422, "empty_file")
    eventually(lambda: {item["Key"] for item in bucket.list_objects_v2(Bucket=BUCKET).get("Contents", [])} == before)


def test_no_secret_is_told_to_anybody(run):
    said = (run.folder / "output").read_text() + run.complained

    assert said
    assert [name for name, secret in SECRETS.items() if secret in said] == []


def test_a_photo_that_is_put_into_the_bucket_is_thumbnailed_by_the_event_in_the_queue_of_sqs(
    client, bucket, photographs
):
    bucket.upload_file(str(photographs["cat"]), BUCKET, "by-sqs/a cat.jpg")

    eventually(lambda: any(job["source"] == f"s3://{BUCKET}/by-sqs/a cat.jpg" for job in client.jobs()))

    job = ended(client, job_of(client, f"s3://{BUCKET}/by-sqs/a cat.jpg")["jobId"])
    assert job["state"] == "succeeded"


def test_the_app_hears_of_a_photo_by_a_webhook_that_it_can_verify(client, run, photographs):
    (uploaded,) = client.upload([photographs["coffee"]], folder_id="by webhook")

    def told(kind: str, **data: str) -> bool:
        bodies = [Webhook(SECRETS["webhook secret"]).verify(body, headers) for headers, body in run.app.told]
        return any(body["type"] == kind and data.items() <= body["data"].items() for body in bodies)

    eventually(lambda: told("photo.succeeded", jobId=uploaded["jobId"], photoId=uploaded["photoId"]))
    eventually(lambda: told("folder.done", folderId="by webhook"))
    eventually(lambda: [one["waiting"] for one in client.webhooks()] == [0])
