"""What Amazon SNS sends before and beside its events."""

import asyncio
import base64
import json

import pytest

from raythumbs.web import subscription
from raythumbs.web.subscription import NotConfirmed, get_status
from tests.storage.http_server import refusing
from tests.storage.http_server import served as answering

EVENTS = "/api/notifications/s3"
URL = (
    "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f37fb687f5d51e6e241d09c805a5a57b30d71"
)
RECORD = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "photos"}, "object": {"key": "a.jpg", "size": 9}}}
# As SNS sends it: Amazon SNS Developer Guide, "HTTP/HTTPS headers".
HEADERS = {"Content-Type": "text/plain; charset=UTF-8", "User-Agent": "Amazon Simple Notification Service Agent"}


def message(kind, **more):
    told = {"Type": kind, "MessageId": "165545c9", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:photos", **more}
    return json.dumps(told).encode()


def sent(served, body, *, kind="Notification", headers=None, **given):
    async def scenario(service):
        asked = HEADERS | {"x-amz-sns-message-type": kind} | (headers or {})
        return await service.http.post(EVENTS, content=body, headers=asked)

    return served(scenario, **given)


@pytest.fixture
def asked(monkeypatch):
    """What is asked of Amazon SNS, which answers 200, or what a test puts in `answers`."""

    class Asked(list):
        answer = 200

    urls = Asked()

    async def answer(url):
        urls.append(url)
        if isinstance(urls.answer, Exception):
            raise urls.answer
        return urls.answer

    monkeypatch.setattr(subscription, "get_status", answer)
    return urls


def test_a_message_of_sns_becomes_a_job(served, asked):
    reply = sent(served, message("Notification", Message=json.dumps({"Records": [RECORD]})))

    assert (reply.status_code, reply.json()) == (200, {"accepted": 1, "removed": 0, "ignored": 0})
    assert asked == []


def test_a_message_of_sns_without_its_envelope_becomes_a_job(served):
    reply = sent(served, json.dumps({"Records": [RECORD]}).encode(), headers={"x-amz-sns-rawdelivery": "true"})

    assert (reply.status_code, reply.json()["accepted"]) == (200, 1)


TOKEN = {"Authorization": "Bearer sesame"}


def test_a_subscription_is_confirmed_at_the_address_that_sns_gives(served, asked):
    body = message("SubscriptionConfirmation", SubscribeURL=URL)

    reply = sent(served, body, kind="SubscriptionConfirmation", headers=TOKEN, notification_token="sesame")

    assert reply.status_code == 200
    assert asked == [URL]


def test_a_subscription_is_not_confirmed_while_no_sender_can_prove_itself(served, asked, caplog):
    reply = sent(served, message("SubscriptionConfirmation", SubscribeURL=URL))

    assert (reply.status_code, reply.json()["ignored"], asked) == (200, 1, [])
    assert "subscription.unconfirmed" in caplog.text
    assert "RAYTHUMBS_SNS_TOPICS" in caplog.text


@pytest.mark.parametrize("answer", [403, 302, NotConfirmed("Amazon SNS could not be reached"), TimeoutError()])
def test_a_subscription_that_cannot_be_confirmed_is_told_with_what_to_do(served, asked, caplog, answer):
    asked.answer = answer

    body = message("SubscriptionConfirmation", SubscribeURL=URL)

    reply = sent(served, body, headers=TOKEN, notification_token="sesame")

    assert reply.status_code == 200
    assert "subscription.unconfirmed" in caplog.text
    assert URL in caplog.text
    assert "open the url in a browser" in caplog.text


def test_no_address_but_one_of_amazons_is_opened(served, asked):
    body = message("SubscriptionConfirmation", SubscribeURL="https://sns.eu-west-1.amazonaws.com.evil.example/")

    reply = sent(served, body)

    assert (reply.status_code, reply.json()["code"], asked) == (400, "bad_request", [])


def test_a_goodbye_is_heard_and_its_address_is_left_alone(served, asked):
    reply = sent(served, message("UnsubscribeConfirmation", SubscribeURL=URL))

    assert (reply.status_code, reply.json()["ignored"], asked) == (200, 1, [])


def test_where_a_token_is_set_nobody_else_has_a_subscription_confirmed(served, asked):
    body = message("SubscriptionConfirmation", SubscribeURL=URL)

    reply = sent(served, body, notification_token="sesame")

    assert (reply.status_code, asked) == (401, [])
    assert reply.headers["www-authenticate"] == 'Basic realm="raythumbs"'  # SNS sends its password only when asked


def test_the_password_of_the_endpoint_that_sns_sends_is_the_token(served, asked):
    password = base64.b64encode(b"sns:sesame").decode()
    body = message("SubscriptionConfirmation", SubscribeURL=URL)

    reply = sent(served, body, headers={"Authorization": f"Basic {password}"}, notification_token="sesame")

    assert (reply.status_code, asked) == (200, [URL])


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_page_is_not_taken_for_sns(served, asked, headers):
    reply = sent(served, message("SubscriptionConfirmation", SubscribeURL=URL), headers=headers)

    assert (reply.status_code, asked) == (403, [])


@pytest.mark.parametrize("status", [200, 302, 403])
def test_the_status_of_an_address_is_told_and_no_redirect_followed(status):
    elsewhere = {"Location": "http://127.0.0.1:1/"}

    with answering(refusing(status, "odd", headers=elsewhere)) as address:
        assert asyncio.run(get_status(f"{address}/?Action=ConfirmSubscription")) == status


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://127.0.0.1:1/\n"])
def test_an_address_that_cannot_be_opened_is_told(url):
    with pytest.raises(NotConfirmed):
        asyncio.run(get_status(url))
