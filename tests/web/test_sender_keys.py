"""Certificates and keys of senders: fetched when they are needed, kept, and never more than allowed."""

import asyncio
import gzip

import pytest

from raythumbs.errors import SenderUnavailable, Unauthorised
from raythumbs.web.fetching import Fetcher
from raythumbs.web.sender_keys import Certificates, GoogleKeys
from tests.conftest import Clock
from tests.notifications.signers import a_certificate, a_key_set
from tests.storage.http_server import served

PEM = a_certificate()


class Server:
    """A server whose answer a test changes. It counts what is asked for."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    async def __call__(self, url):
        self.asked.append(url)
        await asyncio.sleep(0)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


# --- certificates of SNS


def test_a_certificate_is_fetched_once_even_if_many_ask_at_one_time():
    clock, server = Clock(), Server(PEM)

    async def scenario():
        certificates = Certificates(server, now=lambda: clock.now)
        found = await asyncio.gather(*(certificates.at("https://x/1.pem") for _ in range(50)))
        return [*found, await certificates.at("https://x/1.pem")]

    found = asyncio.run(scenario())

    assert len(set(found)) == 1
    assert len(server.asked) <= 4  # as many as are fetched at one time


def test_the_sixteen_that_were_used_last_are_kept():
    clock, server = Clock(), Server(PEM)

    async def scenario():
        certificates = Certificates(server, now=lambda: clock.now)
        for number in range(16):
            await certificates.at(f"https://x/{number}.pem")
        await certificates.at("https://x/0.pem")
        await certificates.at("https://x/16.pem")
        before = len(server.asked)
        await certificates.at("https://x/0.pem")
        await certificates.at("https://x/1.pem")
        return before

    before = asyncio.run(scenario())

    assert server.asked[before:] == ["https://x/1.pem"]


@pytest.mark.parametrize("answer", [None, b"<html>", b""])
def test_an_address_without_a_certificate_is_asked_for_once_a_minute(answer):
    clock, server = Clock(), Server(answer)

    async def scenario():
        certificates = Certificates(server, now=lambda: clock.now)
        for _ in range(3):
            with pytest.raises(Unauthorised):
                await certificates.at("https://x/1.pem")
        assert len(server.asked) == 1
        server.answer = PEM
        clock.advance(seconds=60)
        return await certificates.at("https://x/1.pem")

    assert asyncio.run(scenario())


def test_an_address_that_does_not_answer_is_an_outage_and_asked_for_again_after_five_seconds():
    clock, server = Clock(), Server(SenderUnavailable("no answer"))

    async def scenario():
        certificates = Certificates(server, now=lambda: clock.now)
        for _ in range(3):
            with pytest.raises(SenderUnavailable):
                await certificates.at("https://x/1.pem")
        assert len(server.asked) == 1
        server.answer = PEM
        clock.advance(seconds=5)
        return await certificates.at("https://x/1.pem")

    assert asyncio.run(scenario())


def test_only_so_many_failures_are_remembered():
    clock, server = Clock(), Server(None)

    async def scenario():
        certificates = Certificates(server, now=lambda: clock.now)
        for number in [*range(257), 256, 0]:
            with pytest.raises(Unauthorised):
                await certificates.at(f"https://x/{number}.pem")

    asyncio.run(scenario())

    assert server.asked[257:] == ["https://x/0.pem"]


# --- keys of Google


def test_keys_are_fetched_again_for_an_unknown_key_but_only_once_a_minute():
    clock, server = Clock(), Server(a_key_set({"key-1": "sender"}))

    async def scenario():
        keys = GoogleKeys(server, now=lambda: clock.now)
        await keys.key("key-1")
        for _ in range(3):
            with pytest.raises(Unauthorised):
                await keys.key("key-2")
        assert len(server.asked) == 1
        server.answer = a_key_set({"key-2": "another"})
        clock.advance(seconds=61)
        await keys.key("key-2")
        with pytest.raises(Unauthorised):
            await keys.key("key-1")

    asyncio.run(scenario())

    assert len(server.asked) == 2


def test_old_keys_are_fetched_again():
    clock, server = Clock(), Server(a_key_set({"key-1": "sender"}))

    async def scenario():
        keys = GoogleKeys(server, now=lambda: clock.now)
        await keys.key("key-1")
        clock.advance(seconds=6 * 3600)
        server.answer = a_key_set({"key-2": "another"})
        with pytest.raises(Unauthorised):
            await keys.key("key-1")

    asyncio.run(scenario())

    assert len(server.asked) == 2


@pytest.mark.parametrize("answer", [None, b"<html>", SenderUnavailable("no answer")])
def test_keys_that_cannot_be_fetched_are_an_outage_and_asked_for_once_a_minute(answer):
    clock, server = Clock(), Server(answer)

    async def scenario():
        keys = GoogleKeys(server, now=lambda: clock.now)
        for _ in range(3):
            with pytest.raises(SenderUnavailable):
                await keys.key("key-1")
        assert len(server.asked) == 1
        clock.advance(seconds=60)
        server.answer = a_key_set({"key-1": "sender"})
        return await keys.key("key-1")

    assert asyncio.run(scenario()).key_id == "key-1"


# --- fetching


def test_files_are_fetched_one_after_the_other_and_at_one_time():
    async def scenario(address):
        fetch = Fetcher()
        first = await fetch(f"{address}/x.pem")
        return [first, *await asyncio.gather(*(fetch(f"{address}/x.pem") for _ in range(10)))]

    with served(answering(200, PEM)) as address:
        assert asyncio.run(scenario(address)) == [PEM] * 11


def answering(status, body, **headers):
    def behaviour(request):
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return behaviour


def test_a_file_is_fetched_as_it_is():
    packed = gzip.compress(PEM)

    with served(answering(200, packed, Content_Encoding="gzip")) as address:
        assert asyncio.run(Fetcher()(f"{address}/x.pem")) == packed


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_file_that_is_not_there_is_none(status):
    with served(answering(status, b"no")) as address:
        assert asyncio.run(Fetcher()(f"{address}/x.pem")) is None


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [(500, b"", {}), (302, b"", {"Location": "http://127.0.0.1:1/"}), (200, b"x" * 65_537, {})],
)
def test_another_answer_is_an_outage_and_no_redirect_is_followed(status, body, headers):
    with served(answering(status, body, **headers)) as address, pytest.raises(SenderUnavailable):
        asyncio.run(Fetcher()(f"{address}/x.pem"))


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x.pem", "http://127.0.0.1:1/\n"])
def test_an_address_that_does_not_answer_is_an_outage(url):
    with pytest.raises(SenderUnavailable):
        asyncio.run(Fetcher()(url))
