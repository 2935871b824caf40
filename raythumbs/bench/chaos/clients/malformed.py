"""Requests that break the rules of HTTP, of multipart forms or of the API."""

from collections.abc import Sequence
from dataclasses import dataclass

from raythumbs.bench.wire import UPLOAD_PATH, UPLOAD_TYPE, request

_FORM = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\nphoto\r\n--x--\r\n'
_FOLDER = b'--x\r\nContent-Disposition: form-data; name="folderId"\r\n\r\na\0b\r\n'
_CHUNKED = request("POST", UPLOAD_PATH, Content_Type=UPLOAD_TYPE, Transfer_Encoding="chunked")


@dataclass(frozen=True, slots=True)
class Malformed:
    """A request. `may_succeed`: a service may also ignore what is wrong with it."""

    name: str
    content: bytes
    may_succeed: bool = False


def _form(content_type: str, body: bytes = _FORM) -> bytes:
    return request("POST", UPLOAD_PATH, body, Content_Type=content_type)


def _with(header: bytes, path: str = "/healthz", method: str = "GET", body: bytes = b"") -> bytes:
    """Return a request with one more header."""
    return request(method, path, body).replace(b"\r\n\r\n", b"\r\n" + header + b"\r\n\r\n", 1)


def _json(body: bytes, path: str = "/api/jobs") -> bytes:
    return request("POST", path, body, Content_Type="application/json")


MALFORMED: Sequence[Malformed] = (
    Malformed("an empty boundary", _form("multipart/form-data; boundary=")),
    Malformed("no boundary", _form("multipart/form-data")),
    Malformed("a boundary of 300 bytes", _form(f"multipart/form-data; boundary={'b' * 300}")),
    Malformed("a boundary that the body does not have", _form("multipart/form-data; boundary=other")),
    Malformed("a part without a name", _form(UPLOAD_TYPE, b"--x\r\nA: b\r\n\r\nc\r\n--x--\r\n")),
    Malformed("a part of endless headers", _form(UPLOAD_TYPE, b"--x\r\n" + b"A: b\r\n" * 9000)),
    Malformed("a form cut short", _form(UPLOAD_TYPE, _FORM[:-9])),
    Malformed("a NUL in a folder's id", _form(UPLOAD_TYPE, _FOLDER + _FORM)),
    Malformed("FF in X-Request-ID", _with(b"X-Request-ID: \xff"), may_succeed=True),
    Malformed("FF in Authorization", _with(b"Authorization: \xff\xff", "/api/notifications/s3", "POST", b"{}")),
    Malformed("FF in Content-Type", _with(b"Content-Type: \xff", "/api/jobs", "POST", b"{}")),
    Malformed("FF in Range", _with(b"Range: bytes=\xff-", "/thumbnails/none")),
    Malformed("FF in a header's name", _with(b"X-\xff: a")),
    Malformed("FF in a path", b"GET /api/jobs/\xff HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"),
    Malformed("FF in a path, escaped", request("GET", "/api/jobs/%ff")),
    Malformed("a NUL in a path, escaped", request("GET", "/thumbnails/a%00b")),
    Malformed("a NUL in a query, escaped", request("GET", "/api/jobs?cursor=%00"), may_succeed=True),
    Malformed("a NUL in a header", _with(b"X-Other: a\0b")),
    Malformed("a NUL instead of a request", b"\0\r\n\r\n"),
    Malformed("a huge header", _with(b"X-Other: " + b"a" * 200_000)),
    Malformed("a huge path", request("GET", "/" + "a" * 200_000)),
    Malformed("2,000 headers", _with(b"\r\n".join(b"X-%d: a" % number for number in range(2000)))),
    Malformed("pipelined garbage", request("GET", "/healthz", close=False) + b"\1 garbage\r\n\r\n", may_succeed=True),
    Malformed("HTTP/0.9", b"GET /healthz\r\n\r\n"),
    Malformed("HTTP/9.9", request("GET", "/healthz").replace(b"1.1", b"9.9"), may_succeed=True),
    Malformed("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"),
    Malformed("TLS", bytes.fromhex("160301006b010000670303") + bytes(100) + b"\r\n\r\n"),
    Malformed("no method", b"/healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
    Malformed("an unknown method", request("GIBBERISH", "/healthz")),
    Malformed("no path", request("GET", "*")),
    Malformed("the options of the server", request("OPTIONS", "*")),
    Malformed("no Host", b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", may_succeed=True),
    Malformed("two Hosts", _with(b"Host: evil.example"), may_succeed=True),
    Malformed("a space before a colon", _with(b"X-Other : a")),
    Malformed("a folded header", _with(b"X-Other: a\r\n b"), may_succeed=True),
    Malformed("a chunk size that is no number", _CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n"),
    Malformed("a negative chunk size", _CHUNKED + b"-1\r\nabc\r\n0\r\n\r\n"),
    Malformed("a chunk size over 64 bits", _CHUNKED + b"f" * 32 + b"\r\nabc\r\n0\r\n\r\n"),
    Malformed("a chunk longer than its size", _CHUNKED + b"1\r\nabcdef\r\n0\r\n\r\n"),
    Malformed("a length that is no number", _with(b"Content-Length: ten", "/api/jobs", "POST")),
    Malformed("a negative length", _with(b"Content-Length: -1", "/api/jobs", "POST")),
    Malformed("two lengths", _with(b"Content-Length: 3", "/api/jobs", "POST", b"{}")),
    Malformed("a length and chunks", _with(b"Transfer-Encoding: chunked", "/api/jobs", "POST", b"0\r\n\r\n")),
    Malformed("an unknown coding", _with(b"Transfer-Encoding: gibberish", "/api/jobs", "POST")),
    Malformed("JSON cut short", _json(b'{"sources":')),
    Malformed("JSON that is no UTF-8", _json(b'{"sources":["\xff"]}')),
    Malformed("half a surrogate in JSON", _json(rb'{"sources":["s3://photos/\ud800.jpg"]}')),
    Malformed("a NUL in JSON", _json(rb'{"sources":["s3://photos/a\u0000.jpg"]}')),
    Malformed("a number too large for a float", _json(b'{"sources":[1e999999]}')),
    Malformed("a number of 100,000 digits", _json(b'{"sources":' + b"9" * 100_000 + b"}")),
    Malformed("nested JSON", _json(b"[" * 100_000)),
    Malformed("a nested event", _json(b"[" * 100_000, "/api/notifications/s3")),
    Malformed("an event that is a list", _json(b"[]", "/api/notifications/s3")),
    Malformed("records that are no list", _json(b'{"Records":7}', "/api/notifications/s3")),
    Malformed("a limit of nothing", request("GET", "/api/jobs?limit=0")),
)  # fmt: skip
