"""Webhooks arrive: after troubles of the endpoint, after its silence, and without delaying anybody else."""

import asyncio
import json
import logging
import time
from base64 import b64encode

import pytest
from standardwebhooks import Webhook

from raythumbs.db.database import Database
from raythumbs.db.deliveries import Deliveries
from raythumbs.db.intake import Intake
from raythumbs.db.leases import Leases
from raythumbs.db.record import Record
from raythumbs.errors import NotAnImage
from raythumbs.model.figures import Sending
from raythumbs.model.webhook import (
    LONGEST_SECONDS,
    SCHEDULE_SECONDS,
    WebhookEndpoint,
    WebhookEvent,
    Webhooks,
    wait_seconds,
)
from raythumbs.queue.courier import Courier
from raythumbs.queue.tally import Tally
from raythumbs.settings import load_settings
from raythumbs.webhooks.sending import Delivered, Gone, NotDelivered
from tests.queue.conftest import Batches, a_request, at_work, eventually, failing
from tests.records import lay_sqlite
from tests.webhooks.conftest import Endpoint, listening

SECRET = "whsec_" + b64encode(b"a secret of 24 bytes, 24").decode()
ENDPOINT = WebhookEndpoint(url="https://app.example.com/hook", events=(WebhookEvent.PHOTO_FAILED,))
DOWN = NotDelivered("the endpoint answered 503", is_down=True)
REFUSED = NotDelivered("the endpoint answered 400")


class Sender:
    """Answers as a test says, and keeps what was sent; then it takes everything."""

    def __init__(self, *answers) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[str, str]] = []

    async def send(self, _body: bytes, headers, *, now: float):  # noqa: ARG002 as the real one is called
        self.sent.append((headers["webhook-id"], headers["webhook-timestamp"]))
        return self.answers.pop(0) if self.answers else Delivered()


class Setting:
    """A record with messages for an endpoint, and a courier whose clock a test moves."""

    def __init__(self, tmp_path, clock, sender) -> None:
        lay_sqlite(tmp_path / "record.db")
        self.database = Database(
            f"sqlite:///{tmp_path}/record.db", webhooks=Webhooks(endpoints=(ENDPOINT,), service_url="http://here")
        )
        self.database.open()
        self.clock = clock
        self.record = Record(self.database)
        with self.database.writing() as db:
            Deliveries(db).configure([ENDPOINT])
        self.tally = Tally()
        self.courier = Courier(
            self.record, ENDPOINT, sender, secrets=(SECRET,), now_of=lambda _db: clock.now, tally=self.tally,
            clock=lambda: clock.now, chance=lambda: 0.5,
        )  # fmt: skip

    def fail(self, *numbers: int, now: float | None = None) -> None:
        now = time.time() if now is None else now  # the record's time is the database's
        with self.database.writing() as db:
            Intake(db).enqueue([a_request(number) for number in numbers], now=now)
            [leases] = Leases(db).lease_next([len(numbers)], now=now, lease_seconds=60)
            for lease in leases:
                Leases(db).fail(lease, NotAnImage("words"), now=now)

    def state(self):
        with self.database.reading() as db:
            (state,) = Deliveries(db).endpoints()
            return state

    def due_at(self) -> list[float | None]:
        with self.database.reading() as db:
            return [due for (due,) in db.exec_driver_sql("SELECT due_at FROM deliveries ORDER BY due_at")]


@pytest.fixture
def given(tmp_path, clock):
    made = []

    def make(*answers) -> tuple[Setting, Sender]:
        sender = Sender(*answers)
        made.append(Setting(tmp_path, clock, sender))
        return made[0], sender

    yield make
    for one in made:
        one.record.close()


def test_what_is_due_is_delivered_and_forgotten(given):
    setting, sender = given()
    setting.fail(*range(40))

    asyncio.run(setting.courier.run_once())

    assert len({id_ for id_, _ in sender.sent}) == 40
    assert (setting.state().waiting, setting.state().error) == (0, None)
    assert setting.state().delivered_at is not None


def test_a_message_that_was_not_taken_comes_again_with_its_id_and_a_new_time(given, clock):
    setting, sender = given(REFUSED)
    setting.fail(1)

    asyncio.run(setting.courier.run_once())
    clock.now = time.time() + 6  # the record's time is the database's
    asyncio.run(setting.courier.run_once())

    (first, at), (second, later) = sender.sent
    assert first == second
    assert at != later
    assert setting.state().error == "the endpoint answered 400"


def test_a_message_that_nobody_takes_is_given_up_after_the_last_attempt(given, clock):
    setting, sender = given(*[REFUSED] * 100)
    setting.fail(1)

    async def run():
        for _ in range(20):
            await setting.courier.run_once()
            clock.advance(seconds=200_000)

    asyncio.run(run())

    assert len(sender.sent) == len(SCHEDULE_SECONDS)
    assert (setting.state().waiting, setting.state().given_up) == (0, 1)
    sent = setting.tally.counts(fenced_writes=0, commits=0).webhooks
    assert (sent[Sending.FAILED], sent[Sending.GIVEN_UP]) == (len(SCHEDULE_SECONDS) - 1, 1)


def test_a_message_that_is_four_days_old_is_given_up_after_its_next_attempt(given):
    setting, _ = given(REFUSED, REFUSED)
    setting.fail(1, now=time.time() - LONGEST_SECONDS + 60)
    setting.fail(2, now=time.time() - LONGEST_SECONDS)

    asyncio.run(setting.courier.run_once())

    assert (setting.state().waiting, setting.state().given_up) == (1, 1)


def test_an_endpoint_that_is_down_is_left_in_peace_for_a_while(given, clock):
    setting, sender = given(DOWN)
    setting.fail(*range(30))

    async def run():
        await setting.courier.run_once()
        at_first = len(sender.sent)
        await setting.courier.run_once()
        at_once = len(sender.sent)
        clock.advance(seconds=6)
        await setting.courier.run_once()
        return at_first, at_once

    at_first, at_once = asyncio.run(run())

    assert at_first == at_once == 1
    assert len(sender.sent) == 1 + 30


def test_a_down_endpoint_that_asks_for_more_time_gets_it(given, clock):
    setting, sender = given(NotDelivered("busy", is_down=True, retry_after_seconds=600))
    setting.fail(1)

    asyncio.run(setting.courier.run_once())
    clock.advance(seconds=599)
    asyncio.run(setting.courier.run_once())

    assert len(sender.sent) == 1
    assert setting.due_at()[0] >= time.time() + 500


def test_410_disables_the_endpoint_until_a_person_asks(given, caplog):
    setting, sender = given(Gone())
    setting.fail(1)

    with caplog.at_level(logging.WARNING):
        asyncio.run(setting.courier.run_once())
        asyncio.run(setting.courier.run_once())
    disabled = setting.state()
    with setting.database.writing() as db:
        Deliveries(db).enable()
    asyncio.run(setting.courier.run_once())

    assert disabled.disabled_at is not None
    assert disabled.waiting == 1
    assert "410" in disabled.error
    assert "webhook.disabled" in caplog.text
    assert len(sender.sent) == 2
    assert setting.state().waiting == 0


@pytest.mark.parametrize(("attempts", "chance", "asked", "wait"), [
    (1, 0.5, 0, 5), (1, 0, 0, 4.5), (1, 1, 0, 5.5), (9, 0.5, 0, 86_400), (1, 0.5, 60, 60), (1, 0.5, 10**9, 86_400),
    (10, 0.5, 0, None),
])  # fmt: skip
def test_the_waits_are_those_of_the_standard(attempts, chance, asked, wait):
    assert wait_seconds(attempts, chance=chance, asked_seconds=asked) == (wait if wait is None else pytest.approx(wait))


# --- with everything around it


def settings_with(tmp_path, *endpoints: dict):
    return load_settings(
        data_dir=tmp_path, allowed_sources=("file:///",), webhook_allowed_hosts=("127.0.0.1",),
        webhooks=json.dumps(endpoints), webhook_secrets=SECRET,
    )  # fmt: skip


def test_a_photo_that_ends_is_reported_to_the_endpoint_with_a_signature_that_verifies(tmp_path):
    async def run():
        async with listening(Endpoint()) as there:
            url = f"http://127.0.0.1:{there.port}/hook"
            async with at_work(settings_with(tmp_path, {"url": url}), Batches(failing(NotAnImage("words")))) as queue:
                await queue.submit(1)
                await queue.submit(2)

                async def reported():
                    return len(there.requests) == 2

                await eventually(reported)
            return there.requests

    requests = asyncio.run(run())

    told = []
    for request in requests:
        head, body = request.decode().split("\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
        told.append(Webhook(SECRET).verify(body, headers)["type"])
    assert sorted(told) == ["photo.failed", "photo.succeeded"]


def test_a_slow_endpoint_delays_neither_another_nor_the_photos(tmp_path):
    async def run():
        async with listening(Endpoint(gate=asyncio.Event())) as slow, listening(Endpoint()) as quick:
            urls = [{"url": f"http://127.0.0.1:{one.port}/"} for one in (slow, quick)]
            async with at_work(settings_with(tmp_path, *urls), Batches()) as queue:
                await queue.submit(*range(20))
                await queue.ended(*range(20))

                async def waiting() -> list[int]:
                    found = {state.url: state.waiting for state in await queue.verbs.webhooks()}
                    return [found[one["url"]] for one in urls]

                async def all_reported():
                    return await waiting() == [20, 0]

                await eventually(all_reported)
                slow.gate.set()

    asyncio.run(run())


def test_a_message_that_the_end_of_the_service_interrupted_comes_again_with_its_id(tmp_path):
    def ids(endpoint: Endpoint) -> set[str]:
        heads = (request.decode().partition("\r\n\r\n")[0] for request in endpoint.requests)
        return {line for head in heads for line in head.split("\r\n") if line.startswith("webhook-id")}

    async def run():
        async with listening(Endpoint(gate=asyncio.Event())) as there:
            settings = settings_with(tmp_path, {"url": f"http://127.0.0.1:{there.port}/"})
            async with at_work(settings, Batches()) as queue:
                await queue.submit(1)

                async def on_its_way():
                    return len(there.requests) == 1

                await eventually(on_its_way)
            there.gate.set()
            async with at_work(settings, Batches()) as queue:

                async def delivered():
                    return [state.waiting for state in await queue.verbs.webhooks()] == [0]

                await eventually(delivered)
            return len(there.requests), ids(there)

    requests, found = asyncio.run(run())

    assert requests == 2
    assert len(found) == 1


def test_a_secret_of_webhooks_is_in_no_log_and_in_no_database(tmp_path, caplog):
    async def run():
        settings = settings_with(tmp_path, {"url": "http://127.0.0.1:9/"})  # nobody listens there
        async with at_work(settings, Batches()) as queue:
            await queue.submit(1)

            async def failed():
                return any(state.error for state in await queue.verbs.webhooks())

            await eventually(failed)

    with caplog.at_level(logging.INFO, logger="raythumbs"):
        asyncio.run(run())

    secret = SECRET.removeprefix("whsec_")
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert "webhook.failed" in caplog.text
    assert secret not in caplog.text
    assert b"photo.succeeded" in written
    assert secret.encode() not in written
