"""Every sender at its own address: who is let in, what becomes of what it sends, and what is kept in quarantine."""

import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from raythumbs.errors import DatabaseUnavailable, SenderUnavailable
from raythumbs.model.access import Scope
from raythumbs.web import subscription
from tests.notifications.signers import (
    ACCOUNT,
    AUDIENCE,
    NOW,
    PEM_URL,
    SUBSCRIBE_URL,
    TOPIC,
    a_certificate,
    a_key_set,
    a_token,
    sns_message,
)
from tests.notifications.test_azure import ASKED, EVENT_GRID
from tests.notifications.test_cloudevents import EVENT
from tests.notifications.test_gcs import pushed
from tests.notifications.test_r2 import CREATED
from tests.web.test_keys import KEYS, SETTING, bearer

KEYS_URL = "https://www.googleapis.com/oauth2/v3/certs"
RECORD = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "photos"}, "object": {"key": "a.jpg", "size": 9}}}
B2 = {
    "events": [{"eventType": "b2:ObjectCreated:Upload", "bucketName": "photos", "objectName": "a.jpg", "eventId": "1"}]
}
UPLOADER, ADMIN = bearer(KEYS[Scope.UPLOAD]), bearer(KEYS[Scope.ADMIN])
BEARER = {"authorization": "Bearer sesame"}
R2_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OF_SNS = {"Records": [RECORD]}


def as_bytes(body):
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def for_s3(_body):
    return BEARER


def for_b2(body):
    return {
        "x-bz-event-notification-signature": "v1=" + hmac.new(b"sesame", as_bytes(body), hashlib.sha256).hexdigest()
    }


def for_r2(body):
    signature = Webhook(R2_SECRET).sign("msg_1", datetime.fromtimestamp(NOW, UTC), as_bytes(body).decode())
    return {"webhook-id": "msg_1", "webhook-timestamp": str(int(NOW)), "webhook-signature": signature}


def for_gcs(_body):
    return {"authorization": f"Bearer {a_token()}"}


def for_cloudevents(_body):
    return BEARER | {"content-type": "application/cloudevents+json"}


SECRETS = {
    "notification_token": "sesame", "b2_signing_secret": "sesame", "azure_secret": "sesame",
    "r2_signing_secret": R2_SECRET, "gcs_audience": AUDIENCE, "gcs_service_account": ACCOUNT, "sns_topics": [TOPIC],
}  # fmt: skip
GENUINE = {
    "s3": (OF_SNS, for_s3),
    "b2": (B2, for_b2),
    "r2": (CREATED, for_r2),
    "gcs": (pushed(), for_gcs),
    "azure": ([EVENT_GRID], for_s3),
    "cloudevents": (EVENT, for_cloudevents),
}
SENDERS = list(GENUINE)


class Servers:
    """What senders' own servers have. It counts what is asked for."""

    def __init__(self):
        self.files = {
            PEM_URL: a_certificate(),
            "https://www.googleapis.com/oauth2/v3/certs": a_key_set({"key-1": "sender"}),
        }
        self.asked = []

    async def fetch(self, url):
        self.asked.append(url)
        return self.files.get(url)


def sent(served, sender, body, headers, **given):
    """Send a body, and return the reply, the quarantine, and the sources of all jobs."""
    [reply], quarantine, sources = all_sent(served, sender, [(body, headers)], **given)
    return reply, quarantine, sources


def all_sent(served, sender, messages, *, fetch=None, **given):
    """Send bodies with their headers; return the replies, and then the quarantine and the sources of all jobs."""

    async def scenario(service):
        replies = [
            await service.http.post(
                f"/api/notifications/{sender}",
                content=as_bytes(body),
                headers={"content-type": "application/json"} | headers,
            )
            for body, headers in messages
        ]
        quarantine = (await service.http.get("/api/quarantine", headers=ADMIN)).json()["messages"]
        jobs = (await service.http.get("/api/jobs", headers=ADMIN)).json()["jobs"]
        return replies, quarantine, [job["source"] for job in jobs]

    others = {"fetch": fetch or Servers().fetch, "now": lambda: NOW}
    return served(scenario, others=others, allowed_sources=["s3://"], **given)


# --- who is let in


@pytest.mark.parametrize("sender", SENDERS)
def test_a_genuine_notification_becomes_a_job(served, sender):
    body, headers = GENUINE[sender]

    reply, quarantine, sources = sent(served, sender, body, headers(body), **SECRETS)

    assert (reply.status_code, reply.json()) == (200, {"accepted": 1, "removed": 0, "ignored": 0})
    assert (quarantine, len(sources)) == ([], 1)


@pytest.mark.parametrize("sender", SENDERS)
def test_without_proof_nothing_is_taken_and_nothing_is_kept(served, sender):
    bodies = [GENUINE[sender][0], b"", b"{", b"\xff"]

    (genuine, *others), quarantine, sources = all_sent(served, sender, [(body, {}) for body in bodies], **SECRETS)

    assert genuine.status_code == 401
    assert {reply.status_code for reply in others} <= {400, 401}
    assert (quarantine, sources) == ([], [])


@pytest.mark.parametrize("sender", ["b2", "r2"])
def test_one_altered_byte_is_refused(served, sender):
    body, headers = GENUINE[sender]
    altered = as_bytes(body).replace(b"a.jpg", b"b.jpg").replace(b"my-bucket", b"my-bucker")

    reply, quarantine, sources = sent(served, sender, altered, headers(body), **SECRETS)

    assert (reply.status_code, quarantine, sources) == (401, [], [])


@pytest.mark.parametrize("sender", SENDERS)
def test_once_one_sender_can_prove_itself_the_others_are_not_taken_unproven(served, sender):
    body, _ = GENUINE[sender]
    one = {"b2_signing_secret": "sesame"} if sender != "b2" else {"notification_token": "sesame"}

    reply, _, sources = sent(served, sender, body, {}, **one)

    assert (reply.status_code, sources) == (401, [])
    assert "RAYTHUMBS_" in reply.json()["reason"]


@pytest.mark.parametrize("sender", [name for name in SENDERS if name != "gcs"])
def test_a_service_without_any_secret_takes_notifications_of_everybody(served, sender):
    body, headers = GENUINE[sender]

    reply, _, _ = sent(served, sender, body, {name: v for name, v in headers(body).items() if name == "content-type"})

    assert reply.json()["accepted"] == 1


def test_a_push_of_google_is_never_taken_without_its_settings(served):
    reply, _, sources = sent(served, "gcs", pushed(), for_gcs(b""))

    assert (reply.status_code, sources) == (401, [])
    assert "RAYTHUMBS_GCS_SERVICE_ACCOUNT" in reply.json()["reason"]


# --- Amazon SNS


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_signed_message_of_a_known_topic_needs_no_token(served, version):
    message = sns_message(version=version, Message=json.dumps(OF_SNS))

    reply, _, sources = sent(served, "s3", message, {}, sns_topics=[TOPIC])

    assert (reply.status_code, sources) == (200, ["s3://photos/a.jpg"])


@pytest.mark.parametrize(
    "altered",
    [{"Message": json.dumps(OF_SNS) + " "}, {"TopicArn": TOPIC + "2"}, {"Signature": "AAAA"}, {"SignatureVersion": "2"},
     {"SigningCertURL": PEM_URL.replace("eu-central-1", "us-east-1")}, {"SigningCertURL": PEM_URL[:-5] + "0.pem"},
     {"Timestamp": "2026-11-23T10:00:00.000Z"}],
)  # fmt: skip
def test_an_altered_message_is_refused_token_or_not(served, altered):
    message = sns_message(Message=json.dumps(OF_SNS)) | altered

    for headers in ({}, BEARER):
        reply, quarantine, sources = sent(
            served, "s3", message, headers, sns_topics=[TOPIC], notification_token="sesame"
        )
        assert (reply.status_code, quarantine, sources) == (401, [], [])


@pytest.mark.parametrize("kind", ["Notification", "UnsubscribeConfirmation"])
@pytest.mark.parametrize("added", [{"Records": [RECORD]}, {"Body": json.dumps(OF_SNS)}, {"eventSource": "aws:sqs"}])
def test_what_was_added_to_a_signed_message_is_not_read(served, kind, added):
    message = sns_message(kind, Message=json.dumps({"Event": "s3:TestEvent"})) | {"body": json.dumps(OF_SNS)} | added

    reply, quarantine, sources = sent(served, "s3", message, {}, sns_topics=[TOPIC])

    assert (reply.json(), quarantine, sources) == ({"accepted": 0, "removed": 0, "ignored": 1}, [], [])


def test_a_certificate_is_asked_for_only_if_the_topic_is_known(served):
    servers = Servers()

    sent(served, "s3", sns_message(TopicArn=TOPIC + "2"), {}, fetch=servers.fetch, sns_topics=[TOPIC])

    assert servers.asked == []


def test_a_raw_delivery_needs_the_token(served):
    raw = {"x-amz-sns-rawdelivery": "true"}
    given = {"sns_topics": [TOPIC], "notification_token": "sesame"}

    assert sent(served, "s3", OF_SNS, raw, sns_topics=[TOPIC])[0].status_code == 401
    assert sent(served, "s3", OF_SNS, raw, **given)[0].status_code == 401
    assert sent(served, "s3", OF_SNS, raw | BEARER, **given)[0].status_code == 200


@pytest.mark.parametrize(("altered", "status", "opened"), [({}, 200, [SUBSCRIBE_URL]), ({"Token": "x"}, 401, [])])
def test_a_known_topic_is_confirmed_if_it_signed_the_question(served, monkeypatch, altered, status, opened):
    asked = []

    async def answer(url):
        asked.append(url)
        return 200

    monkeypatch.setattr(subscription, "get_status", answer)

    reply, _, _ = sent(served, "s3", sns_message("SubscriptionConfirmation") | altered, {}, sns_topics=[TOPIC])

    assert (reply.status_code, asked) == (status, opened)


@pytest.mark.parametrize(("topics", "opened"), [([], [SUBSCRIBE_URL]), ([TOPIC], [SUBSCRIBE_URL]), ([TOPIC + "2"], [])])
def test_a_key_holder_confirms_any_topic_unless_topics_are_set(served, monkeypatch, topics, opened, caplog):
    asked = []

    async def answer(url):
        asked.append(url)
        return 200

    monkeypatch.setattr(subscription, "get_status", answer)
    question = sns_message("SubscriptionConfirmation")

    reply, _, _ = sent(served, "s3", question, UPLOADER, api_keys=SETTING, sns_topics=topics)

    assert (reply.status_code, asked) == (200, opened)
    assert ("subscription.unconfirmed" in caplog.text) == (opened == [])


def test_version_2_of_signatures_can_be_required(served):
    given = {"sns_topics": [TOPIC], "sns_signature_versions": ["2"]}

    assert sent(served, "s3", sns_message(version="1"), {}, **given)[0].status_code == 401
    assert sent(served, "s3", sns_message(version="2"), {}, **given)[0].status_code == 200


def test_a_certificate_that_cannot_be_fetched_is_an_outage(served):
    async def fetch(url):
        raise SenderUnavailable(f"{url} cannot be fetched")

    reply, quarantine, _ = sent(served, "s3", sns_message(), {}, fetch=fetch, sns_topics=[TOPIC])

    assert (reply.status_code, reply.json()["code"], quarantine) == (503, "sender_unavailable", [])
    assert "retry-after" in reply.headers


# --- quarantine

NOT_UNDERSTOOD = {
    "s3": {"Records": [RECORD, {"x": 1}]},
    "b2": {"events": [*B2["events"], {"eventId": "2"}]},
    "r2": [CREATED, 5],
    "gcs": pushed(eventType="OBJECT_MOVED"),
    "azure": [EVENT_GRID, EVENT_GRID | {"subject": "?"}],
    "cloudevents": EVENT | {"data": {"x": 1}},
}


@pytest.mark.parametrize("sender", SENDERS)
def test_what_a_proven_sender_sends_and_nobody_understands_is_kept_and_the_rest_is_taken(served, sender, caplog):
    body, (_, headers) = NOT_UNDERSTOOD[sender], GENUINE[sender]

    reply, quarantine, sources = sent(served, sender, body, headers(body), **SECRETS)

    assert (reply.status_code, reply.json()["quarantined"]) == (200, 1)
    assert len(sources) == (1 if isinstance(body, list | dict) and sender != "cloudevents" else 0)
    [kept] = quarantine
    assert (kept["sender"], kept["sizeBytes"]) == (sender, len(as_bytes(body)))
    assert kept["reason"]
    assert "message.quarantined" in caplog.text


NO_NOTIFICATIONS = [b"", b"{", b"12345"]


@pytest.mark.parametrize("sender", SENDERS)
def test_a_proven_body_that_is_no_notification_at_all_is_kept(served, sender):
    messages = [(body, GENUINE[sender][1](body)) for body in NO_NOTIFICATIONS]

    replies, quarantine, _ = all_sent(served, sender, messages, **SECRETS)

    assert [reply.status_code for reply in replies] == [200] * 3
    assert sorted(kept["sizeBytes"] for kept in quarantine) == sorted(map(len, NO_NOTIFICATIONS))


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("settings", [{}, SECRETS], ids=["keys alone", "keys and secrets"])
def test_what_the_holder_of_an_api_key_sends_and_nobody_understands_is_kept_and_the_rest_is_taken(
    served, sender, settings
):
    body, headers = NOT_UNDERSTOOD[sender], {"content-type": for_cloudevents(b"")["content-type"]} | UPLOADER

    reply, [kept], sources = sent(served, sender, body, headers, api_keys=SETTING, **settings)

    assert (reply.status_code, reply.json()["quarantined"], kept["sender"]) == (200, 1, sender)
    assert len(sources) == (0 if sender in {"gcs", "cloudevents"} else 1)


@pytest.mark.parametrize("sender", SENDERS)
def test_a_body_of_a_key_holder_that_is_no_notification_at_all_is_kept(served, sender):
    messages = [(body, UPLOADER) for body in NO_NOTIFICATIONS]

    replies, quarantine, _ = all_sent(served, sender, messages, api_keys=SETTING)

    assert [reply.status_code for reply in replies] == [200] * 3
    assert sorted(kept["sizeBytes"] for kept in quarantine) == sorted(map(len, NO_NOTIFICATIONS))


def test_a_signed_message_of_sns_that_is_no_event_is_kept(served):
    reply, [kept], _ = sent(served, "s3", sns_message(Message="Hello"), {}, sns_topics=[TOPIC])

    assert (reply.status_code, kept["sender"]) == (200, "s3")


@pytest.mark.parametrize(("given", "quarantined"), [({}, 0), ({"notification_token": "sesame"}, 1)])
def test_an_event_of_no_possible_bucket_is_kept_if_its_sender_is_proven(served, given, quarantined):
    wrong = RECORD | {"s3": {"bucket": {"name": "x"}, "object": {"key": "a.jpg", "size": 9}}}

    reply, quarantine, sources = sent(served, "s3", {"Records": [wrong, RECORD]}, BEARER, **given)

    assert (reply.status_code, len(sources), len(quarantine)) == (200, 1, quarantined)


def test_a_message_that_cannot_be_kept_is_an_outage(served):
    class Full:
        async def folder(self, _folder):
            raise NotImplementedError

        async def quarantine(self, _message):
            raise DatabaseUnavailable("the disk is full")

    async def scenario(service):
        return await service.http.post("/api/notifications/s3", content=b"{}", headers=BEARER)

    reply = served(scenario, others={"queue": Full()}, notification_token="sesame")

    assert (reply.status_code, reply.json()["code"]) == (503, "database_unavailable")


def test_a_message_is_shown_without_secrets_and_dropped(served):
    headers = for_b2(b"\xff{") | {
        "authorization": "Bearer sesame",
        "user-agent": "B2/EventNotifications",
        "cookie": "x=1",
    }

    async def scenario(service):
        await service.http.post("/api/notifications/b2?secret=sesame", content=b"\xff{", headers=headers)
        [kept] = (await service.http.get("/api/quarantine")).json()["messages"]
        shown = (await service.http.get(f"/api/quarantine/{kept['id']}")).json()
        dropped = await service.http.delete(f"/api/quarantine/{kept['id']}")
        again = await service.http.delete(f"/api/quarantine/{kept['id']}")
        return shown, dropped, again, (await service.http.get("/api/quarantine")).json()

    shown, dropped, again, left = served(scenario, b2_signing_secret="sesame")

    assert shown["body"] == "\\xff{"
    assert shown["headers"] == {"user-agent": "B2/EventNotifications"}
    assert "sesame" not in json.dumps(shown)
    assert (dropped.status_code, again.status_code, again.json()["code"]) == (200, 404, "unknown_message")
    assert left == {"messages": []}


# --- questions before events


def test_the_question_of_event_grid_is_answered_with_its_code(served):
    reply, _, _ = sent(served, "azure?secret=sesame", [ASKED], {}, azure_secret="sesame")

    assert (reply.status_code, reply.json()) == (200, {"validationResponse": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"})


@pytest.mark.parametrize("sender", ["azure", "cloudevents"])
def test_a_known_origin_may_send_events(served, sender):
    async def scenario(service):
        headers = {
            "WebHook-Request-Origin": "EventGrid.azure.net", "WebHook-Request-Rate": "120",
            "WebHook-Request-Callback": "http://127.0.0.1:1/",
        }  # fmt: skip
        return await service.http.options(f"/api/notifications/{sender}", headers=headers)

    reply = served(scenario, webhook_origins=["eventgrid.azure.net"])

    assert reply.status_code == 200
    assert reply.headers["webhook-allowed-origin"] == "EventGrid.azure.net"
    assert (reply.headers["webhook-allowed-rate"], reply.headers["allow"]) == ("*", "POST")


@pytest.mark.parametrize("origin", ["evil.example", "", "eventgrid.azure.net.evil.example", "x" * 300])
def test_an_unknown_origin_may_not(served, origin):
    async def scenario(service):
        headers = {"WebHook-Request-Origin": origin}
        return await service.http.options("/api/notifications/cloudevents", headers=headers)

    reply = served(scenario, webhook_origins=["eventgrid.azure.net"])

    assert reply.status_code in {403, 422}
    assert "webhook-allowed-origin" not in reply.headers
