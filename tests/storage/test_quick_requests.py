"""GET and PUT by libcurl, against real HTTP servers."""

from http.server import BaseHTTPRequestHandler

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from raythumbs.errors import StoreRefused, StoreUnavailable
from raythumbs.storage.quick_requests import quick_requests
from raythumbs.storage.s3 import S3Store, s3_client
from tests.storage.http_server import Behaviour, refusing, served, store_at, telling

KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda key: not {".", ".."} & set(key.split("/"))
)


class Seen:
    """Answers every request with an object, and keeps the last request."""

    def __init__(self) -> None:
        self.method = self.path = ""
        self.headers: dict[str, str] = {}
        self.body = b""
        self.is_of_boto3 = False

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        self.method, self.path = request.command, request.path
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        self.body = request.rfile.read(int(self.headers.get("content-length", 0)))
        self.is_of_boto3 = "amz-sdk-invocation-id" in self.headers
        telling([b"photo"] if self.method == "GET" else [], length=5 if self.method == "GET" else 0)(request)
        request.close_connection = False


@pytest.fixture(scope="module")
def seen():
    return Seen()


@pytest.fixture(scope="module")
def endpoint(seen):
    with served(seen) as address:
        yield address


def signed_by_botocore(seen: Seen, endpoint: str, *, token: str | None) -> str:
    """Return the signature that botocore gives to a request that was seen."""
    names = seen.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    request = AWSRequest(seen.method, endpoint + seen.path, {name: seen.headers[name] for name in names}, seen.body)
    request.context["timestamp"] = seen.headers["x-amz-date"]
    auth = S3SigV4Auth(Credentials("key", "secret/+=", token), "s3", "eu-west-1")
    return auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)


@pytest.mark.parametrize("token", [None, "a/token+="])
def test_a_request_is_signed_as_botocore_signs_it(seen, endpoint, monkeypatch, token):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret/+=")
    if token:
        monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    client = s3_client("eu-west-1", endpoint)
    store = S3Store(client, "photos")

    def is_signed_alike() -> None:
        assert not seen.is_of_boto3
        assert seen.headers.get("x-amz-security-token") == token
        assert seen.headers["authorization"].endswith(signed_by_botocore(seen, endpoint, token=token))

    @given(KEYS, st.binary(max_size=100))
    @settings(max_examples=100)
    def check(key: str, data: bytes) -> None:
        store.put(key, data, "image/jpeg", cache_control="public, max-age=9")
        is_signed_alike()
        store.get(key, max_bytes=9, seconds=9).file.close()
        is_signed_alike()

    check()
    client.close()


def test_a_key_that_looks_like_a_path_goes_by_boto3_and_the_next_one_does_not(seen, endpoint, aws_credentials):
    with store_at(endpoint) as store:
        store.put("a/../b.jpg", b"photo", "image/jpeg")
        assert (seen.is_of_boto3, seen.path) == (True, "/photos/a/../b.jpg")
        store.put("a..b.jpg", b"photo", "image/jpeg")
        assert (seen.is_of_boto3, seen.path) == (False, "/photos/a..b.jpg")


def test_what_needs_a_proxy_goes_by_boto3(seen, endpoint, aws_credentials, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", endpoint)

    with store_at("http://store.example") as store:
        store.get("a.jpg", max_bytes=9, seconds=9).file.close()

    assert (seen.is_of_boto3, seen.path) == (True, "http://store.example/photos/a.jpg")


def interim_first(request: BaseHTTPRequestHandler) -> None:
    """Send a 103, which HTTP allows before an answer, and then the answer."""
    request.wfile.write(b"HTTP/1.1 103 Early Hints\r\nETag: wrong\r\nContent-Length: 1\r\n\r\n")
    telling([b"photo"], length=5)(request)


def in_chunks(request: BaseHTTPRequestHandler) -> None:
    """Announce five bytes, and send nine in chunks."""
    head = b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n'
    request.wfile.write(head + b"9\r\nphotophot\r\n0\r\n\r\n")
    request.close_connection = True


def endless(request: BaseHTTPRequestHandler) -> None:
    """Refuse with words that never end."""
    request.rfile.read(int(request.headers.get("Content-Length", 0)))
    request.send_response(503)
    request.end_headers()
    request.close_connection = True
    try:
        while True:
            request.wfile.write(b"no " * 10_000)
    except OSError:
        return  # the client has gone


def garbage(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"SSH-2.0-OpenSSH\r\n")
    request.close_connection = True


def test_an_interim_answer_is_not_the_answer(aws_credentials):
    with served(interim_first) as endpoint, store_at(endpoint) as store:
        fetched = store.get("a.jpg", max_bytes=9, seconds=9)

    assert (fetched.file.read(), fetched.size_bytes) == (b"photo", 5)
    fetched.file.close()


@pytest.mark.parametrize(("behaviour", "words"), [
    (in_chunks, "has more bytes than the 5 that were announced"), (endless, "it answers 503"), (garbage, "s3://photos"),
])  # fmt: skip
def test_an_answer_against_the_rules_is_an_error_of_the_store(aws_credentials, behaviour: Behaviour, words: str):
    with (
        served(behaviour) as endpoint,
        store_at(endpoint) as store,
        pytest.raises(StoreUnavailable, match=words),
    ):
        store.get("a.jpg", max_bytes=99, seconds=9)


def test_a_refused_put_is_told_in_the_stores_words(aws_credentials):
    with (
        served(refusing(400, "EntityTooSmall", "too small")) as endpoint,
        store_at(endpoint) as store,
        pytest.raises(StoreRefused, match="too small"),
    ):
        store.put("a.jpg", b"photo", "image/jpeg")


def test_it_goes_with_its_client(endpoint, aws_credentials):
    client = s3_client("us-east-1", endpoint)
    made = quick_requests(client, "photos")

    assert quick_requests(client, "photos") is made
    assert quick_requests(client, "thumbnails") is not made
    other = s3_client("us-east-1", endpoint)
    assert quick_requests(other, "photos") is not made
    client.close()
    other.close()
