"""S3's events in the envelopes of Amazon's other services; the shapes are those of Amazon's developer guides."""

import json
from typing import Any

import pytest

from raythumbs.errors import BadRequest
from raythumbs.notifications import s3
from raythumbs.notifications.event import MAX_EVENTS, Notification
from raythumbs.notifications.sns import Confirmation

RECORD: dict[str, Any] = {
    "eventVersion": "2.3",
    "eventSource": "aws:s3",
    "eventTime": "2026-11-23T12:00:00.000Z",
    "eventName": "ObjectCreated:Put",
    "responseElements": {"x-amz-request-id": "R1", "x-amz-id-2": "H1"},
    "s3": {"bucket": {"name": "photos"}, "object": {"key": "a%2Bb+c.jpg", "size": 9, "eTag": "e", "sequencer": "00AF"}},
}
EVENT = json.dumps({"Records": [RECORD]})
TEST_EVENT = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"})
TOPIC = "arn:aws:sns:eu-west-1:123456789012:photos"


def of_sns(message: object, kind: str = "Notification", **more: object) -> dict[str, object]:
    return {
        "Type": kind,
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Subject": "Amazon S3 Notification",
        "Message": message,
        "Timestamp": "2026-11-23T12:00:00.000Z",
        "SignatureVersion": "1",
        "Signature": "EXAMPLE",
        "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-f3ec.pem",
        "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
    } | more


def of_sqs(body: object) -> dict[str, object]:
    arn = "arn:aws:sqs:eu-west-1:1:photos"
    return {"messageId": "059f36b4", "receiptHandle": "AQEB", "body": body, "attributes": {}, "eventSource": "aws:sqs",
            "eventSourceARN": arn, "awsRegion": "eu-west-1"}  # fmt: skip


def read(told: object) -> Notification | Confirmation:
    return s3.read(json.dumps(told).encode(), {}, token=None)


SNS = of_sns(EVENT)
ENVELOPES = {
    "sns": SNS,
    "sns, raw": json.loads(EVENT),
    "sns in a Lambda's record": {"Records": [{"EventVersion": "1.0", "EventSource": "aws:sns", "Sns": SNS}]},
    "sqs in a Lambda's record": {"Records": [of_sqs(EVENT)]},
    "sqs in a pipe": [of_sqs(EVENT)],
    "sqs in a pipe, one": of_sqs(EVENT),
    "sqs in a pipe, parsed": [of_sqs(json.loads(EVENT))],
    "sqs, as it is received": {"Messages": [{"MessageId": "5fea", "ReceiptHandle": "AQEB", "Body": EVENT}]},
    "sns in sqs": {"Records": [of_sqs(json.dumps(SNS))]},
    "sns in sqs in a pipe": [of_sqs(json.dumps(SNS))],
    "a record alone": RECORD,
    "a list of records": [RECORD],
}


@pytest.mark.parametrize("told", ENVELOPES.values(), ids=ENVELOPES)
def test_an_event_is_the_same_in_every_envelope(told: object) -> None:
    assert read(told) == read(json.loads(EVENT))


def test_several_envelopes_keep_their_order_and_count_what_is_ignored() -> None:
    told = read({"Records": [of_sqs(EVENT), of_sqs(TEST_EVENT), of_sqs(json.dumps(of_sns(EVENT)))]})

    assert isinstance(told, Notification)
    assert [event.source for event in told.events] == ["s3://photos/a+b c.jpg"] * 2
    assert told.ignored == 1


@pytest.mark.parametrize(
    "told",
    [of_sns(TEST_EVENT), {"Records": [of_sqs(TEST_EVENT)]}, of_sns("You have left", "UnsubscribeConfirmation")],
)
def test_tests_and_goodbyes_make_nothing_and_open_nothing(told: object) -> None:
    assert read(told) == Notification(events=(), ignored=1)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (of_sns("hello from the console"), "the Message is not JSON"),
        (of_sns(None), "not a JSON object"),
        (of_sns("7"), "not a JSON object"),
        (of_sns('{"default": "hello"}'), "no event of S3"),
        ({"Records": [of_sqs("hello")]}, "the body is not JSON"),
        ({"Records": [of_sqs(None)]}, "not a JSON object"),
        ({"Records": [{"EventSource": "aws:sns"}]}, "not a JSON object"),
        ({"Messages": "no"}, "no list of objects named 'Messages'"),
        ({"Records": [of_sqs(json.dumps(of_sns("x", "SubscriptionConfirmation")))]}, "no event of S3"),
        ({"eventName": "ObjectCreated:Put"}, "no event of S3"),
        ({"hello": "world"}, "no event of S3"),
        ([], "not a JSON object"),
        ("text", "not a JSON object"),
    ],
)
def test_what_nobody_understands_is_refused_with_words(told: object, why: str) -> None:
    with pytest.raises(BadRequest, match=why):
        read(told)


def test_envelopes_in_envelopes_have_an_end() -> None:
    told: object = RECORD
    for _ in range(10):
        told = [told]

    with pytest.raises(BadRequest, match="envelopes"):
        read(told)


def test_as_many_events_are_taken_in_envelopes_as_without() -> None:
    most = json.dumps({"Records": [RECORD] * MAX_EVENTS})

    told = read(of_sns(most))

    assert isinstance(told, Notification)
    assert len(told.events) == MAX_EVENTS
    with pytest.raises(BadRequest, match="more than 1000 events"):
        read({"Records": [of_sqs(most), of_sqs(EVENT)]})


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("aws:sns:eu-west-1", "sns.eu-west-1.amazonaws.com"),
        ("aws-us-gov:sns:us-gov-west-1", "sns.us-gov-west-1.amazonaws.com"),
        ("aws-cn:sns:cn-north-1", "sns.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_a_topic_that_asks_to_be_confirmed_is_told_with_its_address(region: str, host: str) -> None:
    topic = f"arn:{region}:123456789012:photos"
    url = f"https://{host}/?Action=ConfirmSubscription&TopicArn={topic}&Token=2336412f"

    asked = of_sns("You have chosen", "SubscriptionConfirmation", SubscribeURL=url, TopicArn=topic)

    assert read(asked) == Confirmation(topic, url)


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
        "https://sns.eu-west-1.amazonaws.com.evil.example/",
        "https://evil.example/sns.eu-west-1.amazonaws.com",
        "https://sns.eu-west-1.amazonaws.com@evil.example/",
        "https://user:word@sns.eu-west-1.amazonaws.com/",
        "https://sns.eu-west-1.amazonaws.com:8443/",
        "https://sns.evil.amazonaws.com.evil.example/",
        "https://sns.a.b.amazonaws.com/",
        "https://evil-sns.eu-west-1.amazonaws.com/",
        "https://SNS.eu-west-1.amazonaws.com\\@evil.example/",
        "https://[::1/",
        "//sns.eu-west-1.amazonaws.com/",
        "file:///etc/passwd",
        "",
        None,
        7,
    ],
)
def test_an_address_that_is_not_of_amazons_sns_is_refused(url: object) -> None:
    with pytest.raises(BadRequest, match="SubscribeURL"):
        read(of_sns("You have chosen", "SubscriptionConfirmation", SubscribeURL=url))
