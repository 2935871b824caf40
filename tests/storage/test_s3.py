"""An S3 store when its server is not at its best: a real HTTP server that misbehaves."""

import gzip
import json
import os
import socket
import ssl
import struct
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import boto3
import httpx2
import psutil
import pytest
import trustme
from botocore.config import Config

from raythumbs.errors import AccessDenied, BadCredentials, NoSuchBucket, NoSuchObject, StoreUnavailable
from raythumbs.model.source import KEY_BYTES, Source
from raythumbs.storage.credentials import is_of_amazon, session_with
from raythumbs.storage.files import FileStore
from raythumbs.storage.quick_requests import quick_requests
from raythumbs.storage.s3 import S3Store, s3_client
from raythumbs.storage.stores import Stores
from tests.storage.http_server import refusing, served, store_at, telling


def breaking_off(request: BaseHTTPRequestHandler) -> None:
    """Send half of an object, then what the client's system calls "connection reset by peer"."""
    telling([b"half"], length=8)(request)
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.connection.close()


def of_unknown_size(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    request.wfile.write(b"5\r\nphoto\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (403, "AccessDenied", AccessDenied),
        (404, "NoSuchKey", NoSuchObject),
        (404, "", StoreUnavailable),
        (500, "InternalError", StoreUnavailable),
        (503, "SlowDown", StoreUnavailable),
    ],
)
def test_an_answer_of_the_server_becomes_an_error_of_raythumbs(aws_credentials, status, code, error):
    with (
        served(refusing(status, code)) as endpoint,
        store_at(endpoint) as store,
        pytest.raises(error, match=r"s3://photos/a\.jpg"),
    ):
        store.get("a.jpg", max_bytes=99, seconds=9)


def test_a_slow_object_is_not_read_beyond_its_time_limit(aws_credentials):
    dripping = telling([b"x"] * 1000, length=1000, pause=0.02)
    began = time.monotonic()

    with served(dripping) as endpoint, store_at(endpoint) as store, pytest.raises(StoreUnavailable):
        store.get("a.jpg", max_bytes=9999, seconds=0.3)

    assert time.monotonic() - began < 5


def test_an_object_that_ends_early_is_an_error(aws_credentials):
    with (
        served(telling([b"half"], length=8)) as endpoint,
        store_at(endpoint) as store,
        pytest.raises(StoreUnavailable, match=r"s3://photos/a\.jpg"),
    ):
        store.get("a.jpg", max_bytes=99, seconds=9)


@pytest.mark.parametrize("behaviour", [breaking_off, of_unknown_size])
def test_a_broken_connection_is_a_store_error_and_no_crash(aws_credentials, behaviour):
    with (
        served(behaviour) as endpoint,
        store_at(endpoint) as store,
        pytest.raises(StoreUnavailable, match=r"s3://photos/a\.jpg"),
    ):
        store.get("a.jpg", max_bytes=99, seconds=9)


def test_an_object_that_stops_half_way_is_a_store_error(aws_credentials):
    let_go = threading.Event()

    def stopping(request: BaseHTTPRequestHandler) -> None:
        telling([b"half"], length=8)(request)
        let_go.wait(10)

    with served(stopping) as endpoint:
        impatient = Config(read_timeout=0.2, s3={"addressing_style": "path"})
        client = boto3.client("s3", region_name="us-east-1", endpoint_url=endpoint, config=impatient)
        with pytest.raises(StoreUnavailable, match=r"s3://photos/a\.jpg"):
            S3Store(client, "photos").get("a.jpg", max_bytes=99, seconds=9)
        let_go.set()
        client.close()


def test_one_connection_serves_many_objects(aws_credentials):
    connections = set()

    def answer(request: BaseHTTPRequestHandler) -> None:
        connections.add(request.client_address)
        telling([b"photo"], length=5)(request)
        request.close_connection = False

    with served(answer) as endpoint, store_at(endpoint) as store:
        for _ in range(5):
            store.get("a.jpg", max_bytes=99, seconds=9).file.close()

    assert len(connections) == 1


def test_over_tls_photos_are_complete_on_one_connection(aws_credentials, tmp_path, monkeypatch):
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    photos = iter([os.urandom(size) for size in (3_000_000, 0, 1, 100_000)])
    connections, sent = set(), []

    def answer(request: BaseHTTPRequestHandler) -> None:
        connections.add(request.client_address)
        sent.append(next(photos))
        telling([sent[-1]], length=len(sent[-1]))(request)
        request.close_connection = False

    with served(answer, tls=context) as endpoint, store_at(endpoint) as store:
        for _ in range(4):
            with store.get("a.jpg", max_bytes=10_000_000, seconds=9).file as file:
                assert file.read() == sent[-1]

    assert len(connections) == 1


def test_a_connection_that_the_store_closed_is_opened_again(aws_credentials):
    let_go: list[BaseHTTPRequestHandler] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        let_go.append(request)
        telling([b"photo"], length=5)(request)  # and closes, which it did not announce

    with served(answer) as endpoint, store_at(endpoint) as store:
        for _ in range(3):
            with store.get("a.jpg", max_bytes=99, seconds=9).file as file:
                assert file.read() == b"photo"

    assert len(let_go) == 3


def test_a_busy_store_is_asked_once_and_says_when_to_come_back(aws_credentials):
    requests = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        requests.append(request.command)
        request.send_response(503)
        request.send_header("Retry-After", "7")
        request.send_header("Content-Length", "0")
        request.end_headers()

    with served(answer) as endpoint, store_at(endpoint) as store:
        for verb in (
            lambda: store.get("a.jpg", max_bytes=99, seconds=9),
            lambda: store.put("a.jpg", b"photo", "image/jpeg"),
        ):
            with pytest.raises(StoreUnavailable, match=r"s3://photos/a\.jpg") as refused:
                verb()
            assert refused.value.retry_after_seconds == 7

    assert requests == ["GET", "PUT"]


def test_a_store_that_needs_boto3_is_used_through_boto3(aws_credentials):
    requests = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        is_of_boto3 = "amz-sdk-invocation-id" in request.headers
        requests.append(is_of_boto3)
        (telling([b"photo"], length=5) if is_of_boto3 else refusing(400, "AuthorizationHeaderMalformed"))(request)

    with served(answer) as endpoint, store_at(endpoint) as store:
        for _ in range(3):
            with store.get("a.jpg", max_bytes=99, seconds=9).file as file:
                assert file.read() == b"photo"

    assert requests == [False, True, True, True]


def test_a_missing_server_is_reported_soon(aws_credentials):
    began = time.monotonic()

    with store_at("http://127.0.0.1:1") as store, pytest.raises(StoreUnavailable):
        store.put("a.jpg", b"photo", "image/jpeg")

    assert time.monotonic() - began < 15


def test_a_missing_bucket_is_reported(s3_endpoint):
    client = s3_client("us-east-1", s3_endpoint)
    store = S3Store(client, "no-such-bucket")

    with pytest.raises(NoSuchBucket, match="s3://no-such-bucket"):
        store.check()
    for verb in (  # no photo is given up for it, nor taken for deleted
        lambda: store.get("a.jpg", max_bytes=9, seconds=9),
        lambda: store.put("a.jpg", b"photo", "image/jpeg"),
        lambda: list(store.list()),
    ):
        with pytest.raises(NoSuchBucket, match=r"s3://no-such-bucket.*NoSuchBucket"):
            verb()
    client.close()


@pytest.mark.parametrize("key", ["k" * KEY_BYTES, "写" * (KEY_BYTES // 3), "a/../b.jpg", "a//b.jpg", "/a.jpg", "a/"])
def test_a_key_is_used_unchanged(s3_endpoint, s3_bucket, key):
    client = s3_client("us-east-1", s3_endpoint)
    store = S3Store(client, s3_bucket)

    store.put(key, b"photo", "image/jpeg")

    assert [stat.key for stat in store.list()] == [key]
    with store.get(key, max_bytes=99, seconds=9).file as file:
        assert file.read() == b"photo"
    client.close()


def test_a_compressed_object_is_read_unchanged(s3_endpoint, s3_bucket):
    client = s3_client("us-east-1", s3_endpoint)
    packed = gzip.compress(b"photo" * 1000)
    client.put_object(Bucket=s3_bucket, Key="a.svg", Body=packed, ContentEncoding="gzip")

    with S3Store(client, s3_bucket).get("a.svg", max_bytes=9999, seconds=9).file as file:
        assert file.read() == packed
    client.close()


def test_a_link_opens_without_credentials_for_a_limited_time(s3_endpoint, s3_bucket):
    client = s3_client("eu-central-1", s3_endpoint)
    store = S3Store(client, s3_bucket, "thumbnails/")
    store.put("a b.jpg", b"photo", "image/jpeg")

    link = store.link("a b.jpg", seconds=60)

    reply = httpx2.get(link)
    assert (reply.content, reply.headers["content-type"]) == (b"photo", "image/jpeg")
    assert "X-Amz-Expires=60" in link
    client.close()


def test_what_may_be_cached_says_so_by_either_way_to_the_store(s3_endpoint, s3_bucket):
    client = s3_client("eu-central-1", s3_endpoint)
    store = S3Store(client, s3_bucket)

    store.put("quick.webp", b"photo", "image/webp", cache_control="public, max-age=9")
    quick_requests(client, s3_bucket).is_understood = False
    store.put("slow.webp", b"photo", "image/webp", cache_control="public, max-age=9")
    store.put("plain.webp", b"photo", "image/webp")

    heads = {key: client.head_object(Bucket=s3_bucket, Key=f"{key}.webp") for key in ("quick", "slow", "plain")}
    assert {key: head.get("CacheControl") for key, head in heads.items()} == {
        "quick": "public, max-age=9",
        "slow": "public, max-age=9",
        "plain": None,
    }
    assert {head["ContentType"] for head in heads.values()} == {"image/webp"}
    client.close()


def test_a_public_address_replaces_presigned_links(aws_credentials):
    client = s3_client("us-east-1", None)
    store = S3Store(client, "photos", "thumbnails/", base_url="https://cdn.example/")

    assert store.link("a b.jpg", seconds=60) == store.url("a b.jpg") == "https://cdn.example/thumbnails/a%20b.jpg"
    client.close()


def test_an_address_leads_to_its_store(aws_credentials, tmp_path):
    stores = Stores(region="us-east-1")

    folder = stores.at(f"file://{tmp_path}/")
    bucket = stores.at("s3://photos/some/where/")

    assert isinstance(folder, FileStore)
    assert folder.root == tmp_path
    assert isinstance(bucket, S3Store)
    assert (bucket.bucket, bucket.prefix) == ("photos", "some/where/")


def test_a_source_leads_to_its_store_and_its_key_there(aws_credentials, tmp_path):
    stores = Stores(region="us-east-1")
    (tmp_path / "a.jpg").write_bytes(b"photo")

    folder, path = stores.of(Source.parse(f"file://{tmp_path}/a.jpg"))
    bucket, key = stores.of(Source.parse("s3://photos/a/../b.jpg"))

    assert folder.head(path).size_bytes == 5
    assert isinstance(bucket, S3Store)
    assert (bucket.bucket, bucket.prefix, key) == ("photos", "", "a/../b.jpg")


def test_stores_contain_no_secret(aws_credentials):
    assert "secret" not in repr(Stores(region="us-east-1", endpoint_url="http://127.0.0.1:1"))


@pytest.fixture
def no_credentials(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "BOTO_CONFIG"):
        monkeypatch.setenv(name, "/nowhere")


@contextmanager
def metadata_service(monkeypatch):
    """What answers on a machine of EC2, at another address; gives the paths that it was asked for."""
    asked = []

    def answer(request):
        asked.append(request.path)
        keys = {"Code": "Success", "AccessKeyId": "of-the-role", "SecretAccessKey": "s", "Token": "t"}
        is_key = request.path.endswith("/a-role")
        body = json.dumps(keys | {"Expiration": "2999-01-01T00:00:00Z"}).encode() if is_key else b"a-role"
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    with served(answer) as address:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", address)
        yield asked


@pytest.mark.parametrize(
    ("wanted", "of_amazon", "is_asked"),
    [("auto", False, False), ("auto", True, True), ("true", False, True), ("false", True, False)],
)
def test_the_machines_role_is_used_only_as_the_setting_says(monkeypatch, no_credentials, wanted, of_amazon, is_asked):
    monkeypatch.setattr("raythumbs.storage.credentials.is_of_amazon", lambda: of_amazon)

    with metadata_service(monkeypatch) as asked:
        found = session_with(wanted).get_credentials()

    assert bool(asked) == is_asked
    assert (found and found.access_key) == ("of-the-role" if is_asked else None)


@pytest.mark.parametrize(
    ("file", "content", "is_amazons"),
    [
        ("class/dmi/id/sys_vendor", "Amazon EC2\n", True),
        ("class/dmi/id/bios_version", "4.11.amazon\n", True),
        ("hypervisor/uuid", "ec2e1916-9099-7caf-fd21-012345abcdef\n", True),
        ("class/dmi/id/sys_vendor", "LENOVO\n", False),
        ("nothing", "", False),
    ],
)
def test_an_amazon_machine_is_recognised_by_sysfs(tmp_path, file, content, is_amazons):
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(content)

    assert is_of_amazon(tmp_path) == is_amazons


def test_missing_credentials_are_reported_at_once_with_what_to_do(no_credentials):
    took = []
    for _ in range(3):  # other programs may need the processor meanwhile
        began = time.monotonic()
        with store_at("http://127.0.0.1:1") as store, pytest.raises(BadCredentials, match="set AWS_ACCESS_KEY_ID"):
            store.head("a.jpg")
        took.append(time.monotonic() - began)

    assert min(took) < 1


def test_large_objects_are_not_in_memory_while_a_slow_store_takes_them(aws_credentials):
    taken, gate, before = [], threading.Event(), psutil.Process().memory_info().rss

    def takes_its_time(request: BaseHTTPRequestHandler) -> None:
        left = int(request.headers["Content-Length"])
        while left:
            left -= len(request.rfile.read(min(left, 1 << 16)))
        taken.append(request.path)
        gate.wait(30)
        request.send_response(200)
        request.send_header("ETag", '"x"')
        request.send_header("Content-Length", "0")
        request.end_headers()

    def put(store: S3Store, key: str) -> None:
        with store.create(key, "image/jpeg") as file:
            for _ in range(100):
                file.write(bytes(1 << 20))

    with served(takes_its_time) as endpoint, store_at(endpoint) as store:
        threads = [threading.Thread(target=put, args=(store, f"{n}.jpg")) for n in range(4)]
        for thread in threads:
            thread.start()
        until = time.monotonic() + 60
        while len(taken) < 4:
            assert time.monotonic() < until
            time.sleep(0.01)
        held = psutil.Process().memory_info().rss - before
        gate.set()
        for thread in threads:
            thread.join()

    assert sorted(taken) == [f"/photos/{n}.jpg" for n in range(4)]
    assert held < 50 << 20


def test_a_bucket_without_credentials_is_reported_without_any_request(no_credentials):
    store = S3Store(s3_client(None, "http://127.0.0.1:1", instance_credentials="false"), "photos")

    with pytest.raises(BadCredentials, match=r"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        store.check_here()


def test_a_bucket_with_credentials_gets_no_request_before_the_start(aws_credentials):
    S3Store(s3_client(None, "http://127.0.0.1:1"), "photos").check_here()
