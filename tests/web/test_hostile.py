"""The answer to any request is JSON with a code and a reason, is never 500, and shows no internal details."""

import json
from dataclasses import dataclass, field
from itertools import product
from urllib.parse import unquote

import pytest

from raythumbs.errors import (
    AccessDenied,
    BadSettings,
    DatabaseDamaged,
    DatabaseUnavailable,
    Internal,
    NoSuchObject,
    StoreUnavailable,
)
from tests.web.senders import Sender

JSON = {"content-type": "application/json"}
FORM = {"content-type": "multipart/form-data; boundary=x"}
UPLOAD = "/api/uploads/direct"
HEADERS = [
    "authorization", "content-type", "range", "if-range", "if-none-match", "if-modified-since", "x-forwarded-for",
    "x-forwarded-proto", "x-raythumbs-peer", "x-bz-event-notification-signature", "origin", "cookie", "accept",
    "content-length", "x-request-id", "sec-fetch-site", "access-control-request-method",
]  # fmt: skip
VALUES = [
    "\xff",
    "",
    "\xff" * 5000,
    "bytes=9-1",
    "bytes=-",
    "Bearer \xe9",
    "v1=\xff",
    "multipart/form-data; boundary=" + "b" * 300,
    "multipart/form-data; boundary=\xff",
    'multipart/form-data; boundary="',
    "application/json; charset=\xff",
    "-1",
    "9" * 40,
]
PATHS = [
    "/api/jobs",
    "/api/jobs/%00",
    "/api/jobs/%ff",
    "/api/jobs/%ed%a0%80",
    "/api/photos/%00",
    "/api/photos/%f0%9f",
    "/thumbnails/%00",
    "/thumbnails/%ff/a.jpg",
    "/thumbnails/" + "a" * 1024,
    "/thumbnails/" + "%2e%2e/" * 40,
    "/%ff",
    "/%00",
    "/api/jobs/x/cancel",
    "/api/jobs/%00/retry",
    "/readyz",
    "/healthz",
    "/api/thumbnails/status",
    "/api/reconciliation",
    "/api/photos",
    "/api/folders/%00",
    "/api/folders/%ff",
    "/api/folders/%00/events",
    "/api/folders/",
    "/thumbnails/by-source/%ff",
    "/api/uploads/presigned",
    "/api/notifications/s3",
    "/api/notifications/b2",
    UPLOAD,
]
QUERIES = [
    "",
    "cursor=%00",
    "cursor=%ff",
    "cursor=%ed%a0%80",
    "limit=-1",
    "limit=1e9",
    "limit=" + "9" * 5000,
    "state=%00",
    "source=%00",
    "source=%ff",
    "source=s3%3A%2F%2Fphotos%2F%ed%a0%80",
    "folderId=%00",
    "folderId=%ed%a0%80",
    "folderId=%ff",
    "photos=-1",
    "state=queued&state=%ff",
    "cursor=" + "c" * 65,
    "%ff=%00&&&=;",
]
B2 = b'{"events": [{"eventType": "b2:ObjectCreated:Upload", %s}]}'
S3 = b'{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "%s"}, "object": {"key": "%s"}}}]}'
BODIES = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"x"',
    b"\xff",
    b"[" * 100_000,
    b"1" * 5000,
    b"NaN",
    b'{"\\ud800": 1}',
    b'{"sources": ["\\ud800"]}',
    b'{"sources": ["s3://photos/\\u0000"]}',
    b'{"sources": ["s3://photos/a"], "folderId": "\\u0000"}',
    b'{"sources": ["s3://photos/a"], "folderId": "\\udfff"}',
    b'{"sources": ["s3://photos/a"], "\\udfff": 1}',
    b'{"sources": ["file:///%00"]}',
    b'{"sources": ["file:///%ff%ed"]}',
    b'{"sources": [1e400]}',
    b'{"Records": [{}]}',
    S3 % (b"\\ud800", b"%ff"),
    S3 % (b"a b", b"\\ud800"),
    B2 % b'"bucketName": "\\ud800", "objectName": "\\u0000", "eventId": "\\udfff"',
    B2 % b'"bucketName": "abc", "objectName": "x", "eventId": "x", "objectSize": 1e999, "eventTimestamp": 1e999',
    b"--x\r\nContent-Disposition: form-data; name=\xff; filename=\xff\r\n\r\nx\r\n--x--\r\n",
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="\x00"\r\n\r\nx\r\n--x--\r\n',
    b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename*=utf-8''%00\r\n\r\nx\r\n--x--\r\n",
    b'--x\r\nContent-Disposition: form-data; name="file"; filename*=x\r\n\r\nx\r\n--x--\r\n',
    b'--x\r\nContent-Disposition: form-data; name="folderId"\r\n\r\n\x00\r\n--x--\r\n',
    b"--x\r\n" + b"A: b\r\n" * 1000 + b"\r\n",
    b"--x\r\n: \r\n\r\n",
    b"--x\r\n\xff: \xff\r\n\r\n",
    b"--x--",
    b"--x\r\n" * 100,
]


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


async def answer(app, asked):
    sender = Sender(app, asked.path, headers=asked.headers)
    sender.scope |= {
        "method": asked.method,
        "path": unquote(asked.path),  # as uvicorn does it
        "raw_path": asked.path.encode(),
        "query_string": asked.query.encode(),
    }
    sender.begin()
    sender._pieces.put_nowait({"type": "http.request", "body": asked.body, "more_body": False})
    return await sender.replied()


def faults(asked, reply):
    """Return the faults of a reply."""
    status, headers, body = reply
    if status >= 500:
        return [f"{asked}: {status} {body[:200]}"]
    if status >= 400 and body and not {"code", "reason"} <= set(json.loads(body)):
        return [f"{asked}: {status} {body[:200]}"]
    if status >= 400 and headers.get("content-type") != "application/json":
        return [f"{asked}: {status} {headers}"]
    return []


def all_faults(served, requests, **given):
    """Send all requests; return the faults of the replies."""

    async def scenario(service):
        app, found = service.http._transport.app, []
        for asked in requests:
            found += faults(asked, await answer(app, asked))
        return found

    return served(scenario, **given)


SECRETS = {"notification_token": "sesame", "b2_signing_secret": "open"}


def test_no_header_causes_an_internal_error(served):
    paths = ("/api/jobs", "/healthz", "/thumbnails/a.jpg", "/api/notifications/s3", "/api/notifications/b2", UPLOAD)
    requests = [
        Asked(method, path, headers=JSON | {name: value}, body=b'{"events": [{}], "Records": []}')
        for method, path, name, value in product(("GET", "POST", "OPTIONS"), paths, HEADERS, VALUES)
    ]

    assert all_faults(served, requests, allowed_origins=("https://app.example.com",), **SECRETS) == []


def test_no_path_or_query_causes_an_internal_error(served):
    methods = ("GET", "HEAD", "POST", "DELETE", "BREW")

    requests = [Asked(*asked) for asked in product(methods, PATHS, QUERIES)]

    assert all_faults(served, requests) == []


@pytest.mark.parametrize("path", ["/api/jobs", "/api/notifications/s3", "/api/notifications/b2", UPLOAD])
def test_no_body_causes_an_internal_error(served, path):
    requests = [Asked("POST", path, headers=FORM if path == UPLOAD else JSON, body=body) for body in BODIES]

    assert all_faults(served, requests) == []


def test_an_invalid_range_of_a_thumbnail_is_refused_in_json(served, photo):
    async def scenario(service):
        (uploaded,) = (await service.upload(("a.jpg", photo))).json()["uploads"]
        await service.ended(uploaded["jobId"])
        about = (await service.http.get(f"/api/photos/{uploaded['photoId']}")).json()
        url = about["renditions"][0]["url"]
        return [
            await service.http.get(url, headers={"Range": asked})
            for asked in ("bytes=9999999-", "bytes=x", "bytes=0-1")
        ]

    beyond, broken, sound = served(scenario)

    assert (beyond.status_code, beyond.json()["code"]) == (416, "range_not_satisfiable")
    assert beyond.headers["content-range"].startswith("bytes */")
    assert (broken.status_code, broken.json()["code"]) == (400, "bad_request")
    assert (sound.status_code, len(sound.content)) == (206, 2)


@pytest.mark.parametrize("folder", ["\\u0000", "\\ud800"])
def test_a_folder_that_no_database_can_hold_is_refused(served, folder):
    async def scenario(service):
        body = f'{{"sources": ["s3://photos/a"], "folderId": "{folder}"}}'
        reply = await service.http.post("/api/jobs", content=body, headers=JSON)
        return reply, (await service.http.get("/api/jobs")).json()["jobs"]

    reply, jobs = served(scenario)

    assert (reply.status_code, jobs) == (422, [])


def test_an_impossible_bucket_name_is_refused(served):
    async def scenario(service):
        return await service.http.post("/api/jobs", json={"sources": ["s3://no such bucket/a.jpg"]})

    reply = served(scenario)

    assert (reply.status_code, reply.json()["code"]) == (422, "bad_source")


SECRET = "postgresql://admin@db.internal:5432/photos at /srv/private"


@pytest.mark.parametrize(
    "error",
    [
        kind(SECRET)
        for kind in (
            DatabaseUnavailable,
            DatabaseDamaged,
            StoreUnavailable,
            AccessDenied,
            NoSuchObject,
            BadSettings,
            Internal,
        )
    ],
)
def test_internal_details_go_to_the_log_and_not_to_clients(served, caplog, error):
    async def refusing(*_, **__):
        raise error

    async def scenario(service):
        service.queue.check = service.queue.jobs = service.queue.enqueue = refusing
        return [
            await service.http.get("/readyz"),
            await service.http.get("/api/jobs"),
            await service.http.post("/api/jobs", json={"sources": ["s3://photos/a.jpg"]}),
        ]

    for reply in served(scenario):
        assert (reply.status_code, reply.json()["code"]) == (error.http_status, error.code)
        assert reply.json()["reason"]
        assert not any(word in reply.text for word in ("admin", "internal:", "5432", "private"))
    assert SECRET in caplog.text


def test_the_refusal_of_a_full_disk_has_its_figures_and_not_its_folder(served):
    async def scenario(service):
        return (await service.http.get("/readyz")).json(), str(service.settings.data_dir)

    answer, folder = served(scenario, min_free_disk_bytes=1 << 60)

    assert answer["code"] == "overloaded"
    assert "MiB of disk space free; uploads need" in answer["reason"]
    assert folder not in answer["reason"]


def test_a_refused_source_does_not_tell_which_are_allowed(served):
    async def scenario(service):
        reply = await service.http.post("/api/jobs", json={"sources": ["file:///etc/passwd"]})
        return reply.json(), str(service.settings.data_dir)

    answer, folder = served(scenario)

    assert answer["code"] == "source_not_allowed"
    assert folder not in answer["reason"]
