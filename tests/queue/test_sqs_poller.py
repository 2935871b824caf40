"""Events of a bucket come by a queue of SQS: none is lost, and none counts twice."""

import asyncio
import json
import logging
import uuid
from dataclasses import dataclass, field
from types import SimpleNamespace

import boto3
import pytest

from raythumbs.errors import DatabaseUnavailable, Internal, Overloaded, StoreRefused, StoreUnavailable, Unstorable
from raythumbs.model.folder import FolderRule
from raythumbs.model.job import State
from raythumbs.model.selection import Selection
from raythumbs.model.source import SourcePolicy
from raythumbs.notifications.changes import Wanted
from raythumbs.queue.pace import Pace
from raythumbs.queue.sqs_poller import SqsPoller
from raythumbs.settings import load_settings
from raythumbs.storage.sqs import SqsMessage
from tests.queue.conftest import Batches, at_work, eventually


def record_of(key: str, *, name: str = "ObjectCreated:Put", sequencer: str = "01") -> dict:
    about = {"bucket": {"name": "photos"}, "object": {"key": key, "size": 5, "sequencer": sequencer}}
    return {"eventSource": "aws:s3", "eventName": name, "s3": about}


def body_of(*keys: str) -> str:
    return json.dumps({"Records": [record_of(key) for key in keys]})


# --- over a server of SQS


@pytest.fixture
def sqs(s3_endpoint):
    client = boto3.client("sqs", endpoint_url=s3_endpoint, region_name="us-east-1")
    yield client
    client.close()


@pytest.fixture
def queue_url(sqs) -> str:
    return sqs.create_queue(QueueName=f"events-{uuid.uuid4().hex[:12]}")["QueueUrl"]


def arn_of(sqs, url: str) -> str:
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def left(sqs, url: str) -> int:
    """The messages that the queue has, also those that are hidden."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    return sum(map(int, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))


@pytest.fixture
def polling(tmp_path, s3_endpoint, queue_url):
    def settings(bucket: str = "photos", folder: str = "one"):
        return load_settings(
            data_dir=tmp_path / folder, allowed_sources=(f"s3://{bucket}/",), sqs_queue_url=queue_url,
            s3_endpoint_url=s3_endpoint,
        )  # fmt: skip

    return settings


async def sources(queue) -> list[str]:
    return sorted(job.source for job in await queue.verbs.jobs(Selection(), after=None, limit=100))


def run_until(settings, met, *, batches: Batches | None = None):
    """Run a queue until a condition holds; return the sources of its jobs."""

    async def run():
        async with at_work(settings, batches or Batches(), sqs_wait_seconds=1) as queue:
            await eventually(lambda: met(queue))
            return await sources(queue)

    return asyncio.run(run())


def test_an_object_that_is_put_into_a_bucket_becomes_a_job_and_its_message_is_deleted(
    sqs, queue_url, s3_bucket, s3_endpoint, polling
):
    s3 = boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1")
    told = [{"QueueArn": arn_of(sqs, queue_url), "Events": ["s3:ObjectCreated:*"]}]
    s3.put_bucket_notification_configuration(Bucket=s3_bucket, NotificationConfiguration={"QueueConfigurations": told})
    s3.put_object(Bucket=s3_bucket, Key="2026/a cat+dog.jpg", Body=b"words")
    s3.close()

    async def done(queue):
        return bool(await sources(queue)) and left(sqs, queue_url) == 0

    found = run_until(polling(s3_bucket), done)

    assert found == [f"s3://{s3_bucket}/2026/a cat+dog.jpg"]


def test_messages_of_sns_and_of_eventbridge_are_read_too(sqs, queue_url, polling):
    by_sns = {"Type": "Notification", "MessageId": "m", "Message": body_of("by-sns.jpg")}
    detail = {"bucket": {"name": "photos"}, "object": {"key": "by+eventbridge.jpg", "size": 5}}
    by_eventbridge = {"id": "e", "source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    for body in (by_sns, by_eventbridge):
        sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(body))

    async def done(queue):
        return left(sqs, queue_url) == 0

    found = run_until(polling(), done)

    assert found == ["s3://photos/by+eventbridge.jpg", "s3://photos/by-sns.jpg"]


def test_what_is_no_photo_to_make_thumbnails_of_is_deleted(sqs, queue_url, polling):
    for body in (
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"},
        {"Records": [record_of("cat.jpg", name="ObjectTagging:Put")]},
        {"Records": [record_of("folder/") | {"s3": {"bucket": {"name": "photos"}, "object": {"key": "folder/"}}}]},
    ):
        sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(body))

    async def done(queue):
        return left(sqs, queue_url) == 0

    assert run_until(polling(), done) == []


def test_a_message_that_cannot_be_understood_is_left_to_the_dead_letter_queue(sqs, queue_url, polling, caplog):
    dead = sqs.create_queue(QueueName=f"dead-{uuid.uuid4().hex[:12]}")["QueueUrl"]
    policy = {"deadLetterTargetArn": arn_of(sqs, dead), "maxReceiveCount": 3}
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"RedrivePolicy": json.dumps(policy)})
    sqs.send_message(QueueUrl=queue_url, MessageBody="<not json>")
    sqs.send_message(QueueUrl=queue_url, MessageBody=body_of("cat.jpg"))

    async def done(queue):
        return bool(await sources(queue)) and "sqs.refused" in caplog.text and left(sqs, queue_url) == 1

    with caplog.at_level(logging.WARNING):
        found = run_until(polling(), done)

    assert found == ["s3://photos/cat.jpg"]
    assert "<not json>" not in caplog.text


def test_a_queue_that_is_not_there_stops_no_other_work(polling, sqs, queue_url, caplog):
    sqs.delete_queue(QueueUrl=queue_url)

    async def run():
        async with at_work(polling(), Batches(), sqs_wait_seconds=1) as queue:
            await queue.submit(1)
            (job,) = await queue.ended(1)

            async def reported():
                return "sqs.troubled" in caplog.text

            await eventually(reported)
            return job

    with caplog.at_level(logging.WARNING):
        assert asyncio.run(run()).state is State.SUCCEEDED


def test_two_services_on_one_queue_take_each_message_once(sqs, queue_url, polling):
    async def run():
        async with at_work(polling(), Batches(), sqs_wait_seconds=1) as one:
            await one.verbs.check()  # it is open: two in one process cannot migrate their databases at one time
            async with at_work(polling(folder="two"), Batches(), sqs_wait_seconds=1) as other:

                async def all_taken():
                    return left(sqs, queue_url) == 0

                for number in range(30):
                    sqs.send_message(QueueUrl=queue_url, MessageBody=body_of(f"{number:02}.jpg"))
                await eventually(all_taken)
                return await sources(one) + await sources(other)

    assert sorted(asyncio.run(run())) == [f"s3://photos/{number:02}.jpg" for number in range(30)]


# --- what a server cannot be made to do


@dataclass
class Sqs:
    """A queue of SQS, which keeps what is done with it."""

    bodies: list[str] = field(default_factory=list)
    trouble: list[Exception] = field(default_factory=list)
    has_dead_letters: bool | StoreRefused = False
    url: str = "https://sqs.eu-west-1.amazonaws.com/1/photos"
    received: int = 0
    deleted: list[str] = field(default_factory=list)
    hidden: list[int] = field(default_factory=list)

    def receive(self, *, hidden_seconds: int) -> list[SqsMessage]:  # noqa: ARG002 as the real one is called
        self.received += 1
        if self.trouble:
            raise self.trouble.pop(0)
        taken, self.bodies = self.bodies[:10], self.bodies[10:]
        return [SqsMessage(f"id-{body}", f"receipt-{body}", body) for body in taken]

    def delete(self, messages) -> None:
        self.deleted += [message.body for message in messages]

    def hide(self, _messages, *, seconds: int) -> None:
        self.hidden.append(seconds)

    def has_dead_letter_queue(self) -> bool:
        if isinstance(self.has_dead_letters, StoreRefused):
            raise self.has_dead_letters
        return self.has_dead_letters


@dataclass
class Entry:
    """Answers as a test says: each answer is for all groups of a call."""

    answers: list[object] = field(default_factory=list)
    calls: int = 0
    gate: asyncio.Event | None = None

    async def enqueue(self, groups):
        self.calls += 1
        if self.gate:
            await self.gate.wait()
        answer = self.answers.pop(0) if self.answers else {}
        if isinstance(answer, Overloaded):
            raise answer
        return [answer for _ in groups]


RULE = FolderRule(depth=None, browser_uploads="s3://own/uploads/", direct_uploads="s3://own/")
WANTED = Wanted(policy=SourcePolicy(("s3://",), ()), originals_uri="s3://own/", folder_rule=RULE, now=lambda: 1.0)


def a_poller(
    queue: Sqs,
    entry: Entry,
    *,
    refusal: Overloaded | None = None,
    is_draining=lambda: False,
    wanted: Wanted = WANTED,
    **given,
):
    async def keep(message):
        raise AssertionError(f"{message} was not to be kept")

    def check():
        if refusal:
            raise refusal

    return SqsPoller(
        queue, entry, wanted, admission=SimpleNamespace(check=check), is_draining=is_draining,
        pace=Pace(backoff=lambda _errors: 0.001), **{"quarantine": keep, **given},
    )  # fmt: skip


def test_a_message_is_deleted_only_once_its_jobs_are_committed():
    async def run():
        queue, entry = Sqs([body_of("cat.jpg")]), Entry(gate=asyncio.Event())
        iteration = asyncio.create_task(a_poller(queue, entry).run_once())

        async def being_written():
            return entry.calls == 1

        await eventually(being_written)
        before = list(queue.deleted)
        entry.gate.set()
        await iteration
        return before, queue.deleted

    before, after = asyncio.run(run())

    assert before == []
    assert after == [body_of("cat.jpg")]


def test_while_the_database_is_away_the_messages_are_held_and_no_others_are_received():
    queue, entry = Sqs([body_of(f"{n}.jpg") for n in range(11)]), Entry([DatabaseUnavailable("away")] * 10_000)

    async def run():
        poller = a_poller(queue, entry)
        iteration = asyncio.create_task(poller.run_once())

        async def tried_again():
            return entry.calls >= 3

        await eventually(tried_again)
        received, deleted = queue.received, list(queue.deleted)
        entry.answers.clear()
        await iteration
        return received, deleted

    received, deleted = asyncio.run(run())

    assert (received, deleted) == (1, [])
    assert set(queue.hidden) == {60}
    assert len(queue.deleted) == 11


def test_an_overloaded_service_receives_nothing():
    queue = Sqs([body_of("cat.jpg")])

    asyncio.run(a_poller(queue, Entry(), refusal=Overloaded("full")).run_once())

    assert queue.received == 0


def test_messages_that_overload_meets_on_their_way_are_held_until_there_is_room():
    queue, entry = Sqs([body_of("cat.jpg")]), Entry([Overloaded("full"), Overloaded("full")])

    asyncio.run(a_poller(queue, entry).run_once())

    assert queue.deleted == [body_of("cat.jpg")]
    assert entry.calls == 3


def test_a_queue_in_trouble_is_asked_again_later():
    queue = Sqs([body_of("cat.jpg")], trouble=[StoreUnavailable("away")])

    async def run():
        poller = a_poller(queue, Entry())
        await poller.run_once()
        before = list(queue.deleted)
        await poller.run_once()
        return before

    assert asyncio.run(run()) == []
    assert queue.deleted == [body_of("cat.jpg")]


def test_a_draining_service_receives_nothing_and_gives_back_what_it_cannot_write():
    draining = []
    queue, entry = Sqs([body_of("cat.jpg")]), Entry([DatabaseUnavailable("away")] * 1000)

    async def run():
        poller = a_poller(queue, entry, is_draining=lambda: bool(draining))
        iteration = asyncio.create_task(poller.run_once())

        async def held():
            return bool(queue.hidden)

        await eventually(held)
        draining.append("now")
        await poller.settle()
        await iteration

    asyncio.run(run())

    assert queue.hidden[-1] == 0
    assert (queue.received, queue.deleted) == (1, [])


@pytest.mark.parametrize("answer", [{}, Unstorable("a value")])
def test_without_a_dead_letter_queue_what_was_not_taken_in_is_quarantined_and_then_deleted(answer):
    kept = []

    async def keep(message):
        kept.append((message.about.sender, message.body))

    body = "[]" if answer == {} else body_of("cat.jpg")
    queue = Sqs([body])

    asyncio.run(a_poller(queue, Entry([answer]), quarantine=keep).run_once())

    assert kept == [("sqs", body.encode())]
    assert queue.deleted == [body]


def test_a_message_that_meets_a_bug_does_not_stop_the_others(caplog):
    class Buggy(Wanted):
        def changes_of(self, events):
            if events[0].source.endswith("bug.jpg"):
                raise TypeError("a bug")
            return super().changes_of(events)

    queue = Sqs([body_of("bug.jpg"), body_of("cat.jpg")])
    wanted = Buggy(policy=SourcePolicy(("s3://",), ()), originals_uri="s3://own/", folder_rule=RULE, now=lambda: 1.0)

    asyncio.run(a_poller(queue, Entry(), wanted=wanted).run_once())

    assert queue.deleted == [body_of("cat.jpg")]
    assert "TypeError" in caplog.text


@pytest.mark.parametrize("trouble", [DatabaseUnavailable("the disk is full"), TypeError("a bug")])
def test_a_message_that_cannot_be_quarantined_stays_in_its_queue(trouble):
    async def keep(message):
        if message.body == b"[]":
            raise trouble

    queue = Sqs(["[]", "{}"])

    asyncio.run(a_poller(queue, Entry(), quarantine=keep).run_once())

    assert queue.deleted == ["{}"]


def test_a_message_that_the_database_met_a_bug_with_stays_even_if_it_has_a_fault():
    body = json.dumps({"Records": [record_of("cat.jpg"), {"x": 1}]})
    queue = Sqs([body])

    asyncio.run(a_poller(queue, Entry([Internal()])).run_once())

    assert queue.deleted == []


def test_without_the_right_to_ask_for_a_dead_letter_queue_a_message_stays():
    queue = Sqs(["[]", body_of("cat.jpg")], has_dead_letters=StoreRefused("no right"))

    asyncio.run(a_poller(queue, Entry()).run_once())

    assert queue.deleted == [body_of("cat.jpg")]


def test_a_large_message_is_quarantined_whole():
    kept = []

    async def keep(message):
        kept.append(message.body)

    body = "x" * (1 << 20)  # as large as SQS takes one
    queue = Sqs([body])

    asyncio.run(a_poller(queue, Entry(), quarantine=keep).run_once())

    assert (queue.deleted, kept) == ([body], [body.encode()])


def test_an_event_of_no_possible_source_is_quarantined_and_those_beside_it_are_taken():
    kept = []

    async def keep(message):
        kept.append(message.about.reason)

    wrong = record_of("dog.jpg")
    wrong["s3"]["bucket"] = {"name": "x"}
    body = json.dumps({"Records": [wrong, record_of("cat.jpg")]})
    queue, entry = Sqs([body]), Entry()

    asyncio.run(a_poller(queue, entry, quarantine=keep).run_once())

    assert (len(kept), entry.calls, queue.deleted) == (1, 1, [body])
