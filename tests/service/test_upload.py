"""Photos uploaded to a service on its embedded defaults."""

import json
import socket
import struct
import zlib
from contextlib import suppress
from http.client import HTTPResponse
from pathlib import Path
from select import select
from urllib.parse import urlsplit

import httpx2
import pytest
from PIL import Image

from raythumbs.bench.pictures import draw_photo
from raythumbs.client import Client, Refused
from tests.service.conftest import ended, eventually, opened


def png(side: int, pixels: bytes) -> bytes:
    """A PNG that announces a square of grey pixels, and holds these."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


BOMB = png(50_000, bytes(1000))
WHOLE = draw_photo(1, size_mb=0.02)  # in each process that collects the tests


def stored(client: Client) -> list[Path]:
    """Every file that the service keeps in its store."""
    source = urlsplit(next(client.jobs())["source"]).path
    return [path for path in Path(source).parents[2].rglob("*") if path.is_file()]


def test_an_uploaded_photograph_becomes_a_thumbnail_at_the_address_that_is_told(service, photographs):
    (uploaded,) = service.upload([photographs["astronaut"]], folder_id="space")

    job = ended(service, uploaded["jobId"])
    photo = service.photo(job["photoId"])

    assert (job["state"], job["priority"], job["folderId"]) == ("succeeded", "HIGH", "space")
    assert (photo["width"], photo["height"], photo["format"]) == (3000, 3000, "jpeg")
    (rendition,) = photo["renditions"]
    reply = httpx2.get(rendition["url"])
    assert reply.headers["content-type"] == "image/jpeg"
    assert opened(reply.content).size == (rendition["width"], rendition["height"]) == (300, 300)


def test_a_thumbnail_looks_like_its_photograph(service, photographs):
    (uploaded,) = service.upload([photographs["cat"]])
    job = ended(service, uploaded["jobId"])

    url = service.photo(job["photoId"])["renditions"][0]["url"]
    thumbnail = opened(httpx2.get(url).content)

    with Image.open(photographs["cat"]) as photograph:
        by_hand = photograph.resize(thumbnail.size, Image.Resampling.LANCZOS)
    differences = [abs(a - b) for a, b in zip(thumbnail.tobytes(), by_hand.tobytes(), strict=True)]
    assert sum(differences) / len(differences) < 4


def test_photographs_uploaded_together_are_normal_and_all_succeed(service, photographs):
    photos = [photographs["cat"], photographs["coffee"], photographs["flower"]]
    uploads = service.upload(photos)

    jobs = [ended(service, uploaded["jobId"]) for uploaded in uploads]

    assert [uploaded["fileName"] for uploaded in uploads] == [path.name for path in photos]
    assert {(job["state"], job["priority"]) for job in jobs} == {("succeeded", "NORMAL")}


@pytest.mark.parametrize("name", ["../../etc/passwd", "with space.jpg", "plus+.jpg", "grüße-写真.jpg", "a" * 1024])
def test_a_files_name_is_data_and_never_a_path(service, photographs, name):
    reply = service_post(service, files={"file": (name, photographs["coffee"].read_bytes())})

    (uploaded,) = reply.json()["uploads"]
    assert (reply.status_code, uploaded["fileName"]) == (202, name)
    assert name not in uploaded["source"]
    assert ended(service, uploaded["jobId"])["state"] == "succeeded"


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (("words.jpg", b"these are words, not a photo"), "not_an_image"),
        (("program.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "unsupported_format"),
        (("half.jpg", WHOLE[: len(WHOLE) // 2]), "truncated"),
        (("bomb.png", BOMB), "too_large"),
    ],
)
def test_what_is_no_photo_fails_with_a_code_and_a_reason_and_the_service_goes_on(service, photographs, file, code):
    (uploaded,) = service_post(service, files={"file": file}).json()["uploads"]
    job = ended(service, uploaded["jobId"])
    (after,) = service.upload([photographs["flower"]])

    assert (job["state"], job["code"]) == ("failed", code)
    assert job["reason"]
    assert ended(service, after["jobId"])["state"] == "succeeded"


def test_an_empty_file_is_refused(service):
    reply = service_post(service, files={"file": ("empty.jpg", b"")})

    assert (reply.status_code, reply.json()["code"]) == (422, "empty_file")


def test_a_missing_field_is_refused(service):
    reply = service_post(service, files={"folderId": (None, "holiday")})

    assert (reply.status_code, reply.json()["code"]) == (400, "bad_request")


def test_a_body_over_the_limit_is_refused_while_it_is_read_and_nothing_is_kept(service, photographs):
    ended(service, service.upload([photographs["coffee"]])[0]["jobId"])
    before = stored(service)

    status, code, sent = sent_without_end(service)

    assert (status, code) == (413, "body_too_large")
    assert sent < 100_000_000
    eventually(lambda: stored(service) == before)


def test_a_client_that_hangs_up_leaves_nothing(service, photographs):
    ended(service, service.upload([photographs["coffee"]])[0]["jobId"])
    before = stored(service)

    with connected(service) as connection:
        connection.sendall(form_head(length=8_000_000) + bytes(3_000_000))

    eventually(lambda: service.status()["processing"] is False)
    assert stored(service) == before


def test_an_unknown_job_is_refused_with_its_code(service):
    with pytest.raises(Refused) as refused:
        service.job("no-such-job")

    assert (refused.value.status, refused.value.said) == (404, "unknown_job")


def test_the_pages_for_people_are_there(service):
    base = str(service._http.base_url)

    assert "swagger" in httpx2.get(f"{base}/docs").text.lower()
    assert httpx2.get(f"{base}/healthz").json() == {"status": "alive"}
    assert httpx2.get(f"{base}/readyz").json() == {"status": "ready"}


def service_post(client: Client, **what: object) -> httpx2.Response:
    return client._http.post("/api/uploads/direct", **what)


def connected(client: Client) -> socket.socket:
    url = client._http.base_url
    return socket.create_connection((url.host, url.port), timeout=30)


def form_head(*, length: int | None) -> bytes:
    sized = f"Content-Length: {length}" if length else "Transfer-Encoding: chunked"
    return (
        "POST /api/uploads/direct HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        f"{sized}\r\n\r\n"
    ).encode() + (FORM if length else b"%x\r\n%s\r\n" % (len(FORM), FORM))


FORM = b'--x\r\nContent-Disposition: form-data; name="file"; filename="endless.jpg"\r\n\r\n'


def sent_without_end(client: Client) -> tuple[int, str, int]:
    """Send a chunked body until the service answers; return its status, its code and how many bytes were sent."""
    piece = b"%x\r\n%s\r\n" % (1 << 20, bytes(1 << 20))
    sent = 0
    with connected(client) as connection:
        connection.sendall(form_head(length=None))
        with suppress(BrokenPipeError, ConnectionResetError):
            while sent < 200_000_000 and not select([connection], [connection], [])[0]:
                sent += connection.send(piece[sent % len(piece) :])
        answer = HTTPResponse(connection)
        answer.begin()
        return answer.status, json.loads(answer.read())["code"], sent
