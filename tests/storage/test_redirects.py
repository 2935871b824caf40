"""Redirects of a store, by real HTTP servers."""

import gc

import pytest

from raythumbs.errors import StoreUnavailable
from raythumbs.storage.redirects import is_same_store
from tests.storage.http_server import refusing, served, store_at


def redirecting(status, location, code=None):
    headers = {"Location": location} if location else {}
    return refusing(status, code or str(status), "moved", headers=headers)


def answering(requests):
    def answer(request):
        length = int(request.headers.get("Content-Length", 0))
        requests.append((request.command, request.path, request.rfile.read(length), request.headers["Host"]))
        request.send_response(200)
        request.send_header("Content-Length", "5" if request.command in {"GET", "HEAD"} else "0")
        request.send_header("ETag", '"e"')
        request.send_header("Last-Modified", "Wed, 21 Oct 2026 07:28:00 GMT")
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(b"photo")

    return answer


VERBS = {
    "get": lambda store: store.get("a.jpg", max_bytes=99, seconds=9).file.close(),
    "put": lambda store: store.put("a.jpg", b"photo", "image/jpeg"),
    "head": lambda store: store.head("a.jpg"),
    "list": lambda store: list(store.list()),
    "delete": lambda store: store.delete("a.jpg"),
    "check": lambda store: store.check(),
}


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_to_nowhere_is_told_and_asked_for_a_few_times_only(aws_credentials, status):
    requests = []

    def answer(request):
        requests.append(request.command)
        redirecting(status, None)(request)

    with served(answer) as endpoint, store_at(endpoint) as store:
        for name, verb in VERBS.items():
            requests.clear()
            with pytest.raises(StoreUnavailable, match=r"s3://photos"):
                verb(store)

            assert len(requests) <= 3, name


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_to_another_address_of_the_store_is_followed_with_all_that_was_sent(aws_credentials, status):
    requests = []

    with (
        served(answering(requests)) as other,
        served(redirecting(status, f"{other}/photos/a.jpg")) as endpoint,
        store_at(endpoint) as store,
    ):
        for verb in ("get", "put", "head", "delete"):
            VERBS[verb](store)

    host = other.removeprefix("http://")
    assert [(command, body) for command, _, body, _ in requests] == [
        ("GET", b""), ("PUT", b"photo"), ("HEAD", b""), ("DELETE", b""),
    ]  # fmt: skip
    assert {(path, told) for _, path, _, told in requests} == {("/photos/a.jpg", host)}


def test_what_a_request_asks_for_is_kept_when_it_is_redirected(aws_credentials):
    requests = []

    def answer(request):
        if request.path.startswith("/zone2"):
            requests.append(request.path)
            refusing(403, "AccessDenied")(request)
        else:
            redirecting(307, "/zone2/photos")(request)

    with served(answer) as endpoint, store_at(endpoint) as store, pytest.raises(Exception, match="refuses"):
        list(store.list("2026/"))

    assert requests[0].startswith("/zone2/photos?list-type=2&prefix=2026%2F")


@pytest.mark.parametrize("status", [301, 307])
def test_redirects_that_never_end_are_told_with_the_last_address(aws_credentials, status):
    requests = []

    def answer(request):
        requests.append(request.path)
        redirecting(status, f"/photos/a{len(requests)}.jpg")(request)

    with (
        served(answer) as endpoint,
        store_at(endpoint) as store,
        pytest.raises(StoreUnavailable, match=r"sends its clients to /photos/a3\.jpg"),
    ):
        store.get("a.jpg", max_bytes=99, seconds=9)

    assert len(requests) == 3


@pytest.mark.parametrize(
    "location",
    ["http://evil.example/x", "http://169.254.169.254/latest", "http://user:word@127.0.0.1/x", "ftp://127.0.0.1/x",
     "http://[::1", "http://127.0.0.1:99999/x"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_redirect_to_a_stranger_is_told_and_not_followed(aws_credentials, location):
    with (
        served(redirecting(307, location)) as endpoint,
        store_at(endpoint) as store,
        pytest.raises(StoreUnavailable, match=r"sends its clients to|Failed to parse"),
    ):
        store.get("a.jpg", max_bytes=99, seconds=9)
    gc.collect()  # urllib3 does not close its connection if it cannot parse the address: the warning belongs here


def test_a_redirect_that_names_the_region_is_followed_there(aws_credentials):
    signed_for = []

    def answer(request):
        signed_for.append(request.headers["Authorization"].split("/")[2])
        is_right = signed_for[-1] == "eu-west-1"
        moved = refusing(301, "PermanentRedirect", headers={"x-amz-bucket-region": "eu-west-1"})
        (answering([]) if is_right else moved)(request)

    with served(answer) as endpoint, store_at(endpoint) as store:
        store.get("a.jpg", max_bytes=99, seconds=9).file.close()

    assert signed_for == ["us-east-1", "us-east-1", "eu-west-1"]


@pytest.mark.parametrize(
    ("old", "new", "is_same"),
    [
        ("https://s3.amazonaws.com/photos/a", "https://photos.s3-us-west-2.amazonaws.com/a", True),
        ("https://s3.example.com/photos/a", "https://zone2.s3.example.com/photos/a", True),
        ("https://s3.example.com/photos/a", "https://s3.example.com:8443/photos/a", True),
        ("http://s3.example.com/photos/a", "https://s3.example.com/photos/a", True),
        ("https://s3.example.com/photos/a", "http://s3.example.com/photos/a", False),
        ("https://s3.example.com/photos/a", "https://s3.example.com/photos/a", False),
        ("https://s3.example.com/photos/a", "https://evils3.example.com/photos/a", False),
        ("https://s3.amazonaws.com/photos/a", "https://amazonaws.com.evil.example/a", False),
        ("https://s3.example.com/photos/a", "https://s3.amazonaws.com/photos/a", False),
    ],
)
def test_an_address_is_the_same_stores_if_its_host_says_so(old, new, is_same):
    assert is_same_store(old, new) == is_same
