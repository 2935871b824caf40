"""Any bytes, from anybody: each sender's file gives a notification or a refusal, and nothing else, quickly."""

import json
from base64 import b64encode
from contextlib import suppress
from itertools import product

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from raythumbs.errors import BadRequest, BadSource, NotJson, Unauthorised
from raythumbs.model.source import Source
from raythumbs.notifications import azure, b2, cloudevents, gcs, google_token, r2, s3, sns
from raythumbs.notifications.azure import Validation
from raythumbs.notifications.event import Notification
from raythumbs.notifications.google_token import Subscription
from raythumbs.notifications.sns import Confirmation, SnsPolicy
from raythumbs.notifications.sns_certificate import certificate_of
from tests.cpu_time import within_cpu
from tests.notifications.signers import ACCOUNT, AUDIENCE, NOW, TOPIC, a_certificate, a_key_set, sns_message
from tests.notifications.test_azure import ASKED, CLOUD_EVENT, EVENT_GRID
from tests.notifications.test_b2 import an_event
from tests.notifications.test_cloudevents import EVENT, RECORD
from tests.notifications.test_gcs import pushed
from tests.notifications.test_r2 import CREATED
from tests.notifications.test_standard_webhooks import SECRET

KINDS = ["application/cloudevents+json", "application/cloudevents-batch+json"]
CERTIFICATE = certificate_of(a_certificate())
KEY = google_token.keys_of(a_key_set({"key-1": "sender"}))["key-1"]


def read_sns(body, headers):
    message = sns.message_of(body)
    if message is not None:
        policy = SnsPolicy(topics=frozenset({TOPIC}), versions=frozenset({"1", "2"}))
        sns.certificate_url(message, policy, now=NOW)
        sns.verify(message, CERTIFICATE, now=NOW)
    return s3.read_genuine(body)


def read_gcs(body, headers):
    token = google_token.token_of(headers.get("authorization", ""))
    google_token.key_id(token)
    google_token.verify(token, KEY, Subscription(audience=AUDIENCE, service_account=ACCOUNT), now=NOW)
    return gcs.read_genuine(body)


READERS = {
    "s3": lambda body, headers: s3.read(body, headers, token=None),
    "s3 with a token": lambda body, headers: s3.read(body, headers, token="sesame"),
    "s3 genuine": lambda body, _headers: s3.read_genuine(body),
    "sns": read_sns,
    "b2": lambda body, headers: b2.read(body, headers, secret=None),
    "b2 with a secret": lambda body, headers: b2.read(body, headers, secret="sesame"),
    "r2": lambda body, headers: r2.read(body, headers, secret=None, now=NOW),
    "r2 with a secret": lambda body, headers: r2.read(body, headers, secret=SECRET, now=NOW),
    "azure": lambda body, headers: azure.read(body, headers, given_secret="", secret=None),
    "azure with a secret": lambda body, headers: azure.read(body, headers, given_secret="x", secret="sesame"),
    "gcs": read_gcs,
    "gcs genuine": lambda body, _headers: gcs.read_genuine(body),
    "cloudevents": lambda body, headers: cloudevents.read(body, headers, token=None),
    "cloudevents with a token": lambda body, headers: cloudevents.read(body, headers, token="sesame"),
}
ANY_TEXT = st.text(st.characters(codec=None), max_size=20)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=5,
)
SAMPLES = [
    {"Records": [RECORD]}, RECORD, {"events": [an_event()]}, [EVENT_GRID], CLOUD_EVENT, [ASKED], EVENT, [EVENT],
    CREATED, {"messages": [{"body": b64encode(json.dumps(CREATED).encode()).decode()}]}, json.loads(pushed()),
    sns_message(Message=json.dumps({"Records": [RECORD]})), sns_message("SubscriptionConfirmation"),
    {"MessageId": "1", "Body": json.dumps({"Records": [RECORD]})},
]  # fmt: skip


def altered(value, draw):
    """A sample with any value in any of its places."""
    if draw(st.integers(0, 5)) == 0:
        return draw(ANY_JSON)
    if isinstance(value, dict) and value:
        name = draw(st.sampled_from(sorted(value)))
        return value | {name: altered(value[name], draw)}
    if isinstance(value, list) and value:
        return [altered(value[0], draw), *value[1:]]
    return draw(ANY_JSON)


ALTERED = st.composite(lambda draw: json.dumps(altered(draw(st.sampled_from(SAMPLES)), draw)).encode())()
BODIES = st.binary() | ANY_JSON.map(json.dumps).map(str.encode) | ALTERED
ANY_HEADER = st.text(st.characters(max_codepoint=255), max_size=40)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.sampled_from(
            ["application/cloudevents+json", "application/cloudevents-batch+json", "text/xml"]
        )
        | ANY_HEADER,
        "authorization": st.sampled_from(["Bearer sesame", "Basic eDpzZXNhbWU=", "Bearer a.b.c"]) | ANY_HEADER,
        "x-bz-event-notification-signature": ANY_HEADER,
        **{f"webhook-{name}": ANY_HEADER for name in ("id", "timestamp", "signature")},
        **{f"ce-{name}": st.just("1.0") | ANY_HEADER for name in ("specversion", "id", "source", "type", "subject")},
    },
)


@settings(max_examples=300)  # the next test measures, in CPU time
@given(body=BODIES, headers=HEADERS)
def test_any_request_gives_each_reader_a_notification_or_a_refusal(body, headers):
    for name in READERS:  # to draw a request takes longer than all of them
        reads_or_refuses(name, body, headers)


def reads_or_refuses(name, body, headers):
    note(name)
    try:
        found = READERS[name](body, headers)
    except (BadRequest, NotJson, Unauthorised):
        return

    assert isinstance(found, Notification | Confirmation | Validation)
    for event in found.events if isinstance(found, Notification) else ():
        assert event.id.isascii()
        assert len(event.id) < 100
        assert event.sequence is None or (event.sequence.isascii() and len(event.sequence) < 200)
        with suppress(BadSource):  # the door ignores it
            Source.parse(event.source)


SLOW = [
    b"[" * 4_000_000,
    b'{"a":' * 800_000,
    b'{"Records": [' + b"{}," * 1_300_000 + b"{}]}",
    b'{"events": [' + b"{}," * 1_300_000 + b"{}]}",
    b'{"Type": "Notification", "TopicArn": "' + b"a" * 4_000_000 + b'"}',
    b'{"subject": "' + b"/blobServices/default/containers/" * 100_000 + b'", "id": "1", "data": {}, '
    b'"type": "Microsoft.Storage.BlobCreated"}',
    b"A" * 4_000_000,
    b'"' * 4_000_000,
]


# Its JSON alone takes a second, whoever reads it: for the readers of lists, and for the one that parses twice.
LISTS = b"[" + b"[{}]," * 800_000 + b"{}]"
CASES = [*product(READERS, SLOW), *product(["azure", "cloudevents", "sns"], [LISTS])]


@pytest.mark.needs("time")
@pytest.mark.parametrize(
    ("name", "body"), CASES, ids=lambda given: given[:12].decode() if isinstance(given, bytes) else given
)
def test_a_body_of_the_largest_size_is_read_or_refused_quickly(name, body):
    headers = {"content-type": "application/cloudevents+json", "authorization": "Bearer sesame"}

    def read():
        with suppress(BadRequest, NotJson, Unauthorised):
            READERS[name](body, headers)

    within_cpu(6, read)  # a second on an idle machine; minutes, if anything in it is quadratic
