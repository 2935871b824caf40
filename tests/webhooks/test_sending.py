"""A message goes to the address that was checked, and to no other."""

import asyncio
import ssl
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
import trustme

from raythumbs.webhooks.sending import Delivered, Gone, NotDelivered, Sender
from tests.webhooks.conftest import Endpoint, listening

NOW = 1_800_000_000.0


def sent(endpoint: Endpoint, *, url: str = "http://127.0.0.1:{port}/hook?a=b", inside: bool = True, tls=None, **given):
    async def run():
        async with listening(endpoint, tls) as there:
            sender = Sender(url.format(port=there.port), may_be_inside=inside, **given)
            try:
                return await sender.send(b'{"type":"x"}', {"webhook-id": "msg_1"}, now=NOW)
            finally:
                await sender.close()

    return asyncio.run(run())


def answering(status: str, *headers: str) -> Endpoint:
    lines = (f"HTTP/1.1 {status}", *headers, "content-length: 0", "", "")
    return Endpoint("\r\n".join(lines).encode())


def test_a_message_that_is_answered_2xx_is_delivered():
    endpoint = answering("200 OK")

    assert sent(endpoint) == Delivered()
    (request,) = endpoint.requests
    assert request.startswith(b"POST /hook?a=b HTTP/1.1\r\n")
    assert request.endswith(b'\r\n\r\n{"type":"x"}')
    assert b"webhook-id: msg_1" in request
    assert b"content-type: application/json" in request


def test_410_is_the_wish_to_hear_nothing_more():
    assert sent(answering("410 Gone")) == Gone()


@pytest.mark.parametrize(("status", "is_down"), [(400, False), (404, False), (500, False), (429, True), (502, True),
                                                 (503, True), (504, True)])  # fmt: skip
def test_every_other_answer_is_a_failure(status, is_down):
    answer = sent(answering(f"{status} Words"))

    assert answer == NotDelivered(f"the endpoint answered {status}", is_down=is_down)


def test_a_redirect_is_not_followed():
    endpoint = answering("307 Temporary Redirect", "location: http://127.0.0.1:1/")

    assert sent(endpoint) == NotDelivered("the endpoint answered 307")
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120), (format_datetime(datetime.fromtimestamp(NOW + 60, UTC), usegmt=True), 60), ("soon", 0), ("-5", 0),
     (format_datetime(datetime.fromtimestamp(NOW - 60, UTC), usegmt=True), 0), ("٣", 0), ("9" * 5000, 9_999_999_999)],
)  # fmt: skip
def test_the_endpoint_says_when_to_come_again(value, seconds):
    endpoint = Endpoint(f"HTTP/1.1 503 Busy\r\nretry-after: {value}\r\ncontent-length: 0\r\n\r\n".encode())

    assert sent(endpoint) == NotDelivered("the endpoint answered 503", is_down=True, retry_after_seconds=seconds)


def test_an_endpoint_that_does_not_answer_is_left_after_a_while():
    async def run():
        async with listening(Endpoint(gate=asyncio.Event())) as there:
            sender = Sender(f"http://127.0.0.1:{there.port}/", may_be_inside=True, seconds=0.2)
            answer = await sender.send(b"{}", {}, now=NOW)
            await sender.close()
            return answer

    assert asyncio.run(run()) == NotDelivered("no answer within 0.2 s", is_down=True)


def test_nobody_at_the_address_is_a_failure():
    async def run():
        sender = Sender("http://127.0.0.1:9/", may_be_inside=True)
        answer = await sender.send(b"{}", {}, now=NOW)
        await sender.close()
        return answer

    answer = asyncio.run(run())

    assert isinstance(answer, NotDelivered)
    assert answer.is_down


@pytest.mark.parametrize("rubbish", [b"SSH-2.0-OpenSSH\r\n", b"", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 1_000_000])
def test_what_does_not_speak_http_is_a_failure(rubbish):
    assert isinstance(sent(Endpoint(rubbish)), NotDelivered)


def test_a_long_answer_is_not_read():
    assert sent(Endpoint(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\nwords")) == Delivered()


# --- addresses


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001"])
def test_a_host_inside_gets_nothing(host):
    endpoint = answering("200 OK")

    answer = sent(endpoint, url="http://" + host + ":{port}/", inside=False)

    assert isinstance(answer, NotDelivered)
    assert "RAYTHUMBS_WEBHOOK_ALLOWED_HOSTS" in answer.reason
    assert endpoint.requests == []


def test_a_host_of_which_one_address_is_inside_gets_nothing():
    endpoint = answering("200 OK")

    answer = sent(
        endpoint,
        url="http://app.example.com:{port}/",
        inside=False,
        resolve=lambda _host, _port: ["1.1.1.1", "127.0.0.1"],
    )

    assert isinstance(answer, NotDelivered)
    assert endpoint.requests == []


def test_a_name_is_resolved_once_for_an_attempt():
    asked = []

    def resolve(host, _port):
        asked.append(host)
        return ["127.0.0.1"]

    assert sent(answering("200 OK"), url="http://app.example.com:{port}/", resolve=resolve) == Delivered()
    assert asked == ["app.example.com"]


def test_a_name_that_is_not_known_is_a_failure():
    def resolve(_host, _port):
        raise OSError("no such name")

    answer = sent(answering("200 OK"), url="http://app.example.com:{port}/", resolve=resolve)

    assert answer == NotDelivered("the host is not found: no such name", is_down=True)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


def tls_of(authority, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def trusting(authority) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_over_tls_the_certificate_and_the_host_are_those_of_the_name(authority):
    endpoint, names = answering("200 OK"), []
    tls = tls_of(authority, "app.example.com")
    tls.sni_callback = lambda _socket, name, _context: names.append(name)

    answer = sent(
        endpoint, url="https://app.example.com:{port}/", tls=tls, trusted=trusting(authority),
        resolve=lambda _host, _port: ["127.0.0.1"],
    )  # fmt: skip

    assert answer == Delivered()
    assert names == ["app.example.com"]
    assert f"host: app.example.com:{endpoint.port}".encode() in endpoint.requests[0].lower()


def test_a_certificate_of_another_name_is_refused(authority):
    endpoint = answering("200 OK")

    answer = sent(
        endpoint, url="https://app.example.com:{port}/", tls=tls_of(authority, "other.example.com"),
        trusted=trusting(authority), resolve=lambda _host, _port: ["127.0.0.1"],
    )  # fmt: skip

    assert isinstance(answer, NotDelivered)
    assert endpoint.requests == []
