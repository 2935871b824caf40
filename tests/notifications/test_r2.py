"""Events of Cloudflare R2, in the forms in which they are forwarded."""

import json
from base64 import b64encode

import pytest

from raythumbs.errors import BadRequest, Unauthorised
from raythumbs.notifications import r2
from raythumbs.notifications.event import Notification, RemovalEvent
from tests.notifications.test_standard_webhooks import SECRET, SENT_AT

CREATED = {
    "account": "3f4b7e3dcab231cbfdaa90a6a28bd548", "action": "PutObject", "bucket": "my-bucket",
    "object": {"key": "my new/obj+1 %20.jpg", "size": 65536, "eTag": "c846ff7a18f28c2e262116d6e8719ef0"},
    "eventTime": "2026-05-24T19:36:44.379Z",
}  # fmt: skip
DELETED = CREATED | {"action": "DeleteObject", "object": {"key": "my new/obj+1 %20.jpg"}}


def read(value, *, raw=False):
    return r2.read(value if raw else json.dumps(value).encode(), {}, secret=None, now=0)


def test_an_object_becomes_an_event_with_its_key_as_it_is():
    [event] = read(CREATED).events

    assert event.source == "s3://my-bucket/my new/obj+1 %20.jpg"
    assert (event.version, event.size_bytes) == ("c846ff7a18f28c2e262116d6e8719ef0", 65536)
    assert event.sequence == f"r2:{1779651404379:020d}"


@pytest.mark.parametrize("action", ["PutObject", "CopyObject", "CompleteMultipartUpload"])
def test_every_way_to_create_an_object_counts(action):
    copied = {"copySource": {"bucket": "other", "object": "x"}}

    assert len(read(CREATED | copied | {"action": action}).events) == 1


@pytest.mark.parametrize("action", ["DeleteObject", "LifecycleDeletion"])
def test_a_deletion_becomes_a_removal(action):
    [event] = read(DELETED | {"action": action}).events

    assert isinstance(event, RemovalEvent)


def test_an_unknown_action_is_ignored():
    assert read(CREATED | {"action": "AbortMultipartUpload"}) == Notification(events=(), ignored=1)


def pulled(body, kind):
    return {"body": body, "id": "b01b5594f784d0165c2985833f5660dd", "metadata": {"CF-Content-Type": kind}}


BASE64 = b64encode(json.dumps(CREATED).encode()).decode()


@pytest.mark.parametrize(
    ("body", "raw"),
    [
        ([CREATED], False),
        (BASE64.encode(), True),
        (f'"{BASE64}"'.encode(), True),
        ([BASE64], False),
        ({"messages": [pulled(BASE64, "json")]}, False),
        ({"messages": [pulled(json.dumps(CREATED), "text")]}, False),
        ({"success": True, "result": {"message_backlog_count": 1, "messages": [pulled(CREATED, "json")]}}, False),
    ],
)
def test_an_event_is_found_in_every_form_of_a_queue(body, raw):
    assert read(body, raw=raw) == read(CREATED)


def test_a_repeated_event_has_the_same_id_and_a_later_one_another():
    ids = {event.id for body in (CREATED, [CREATED, CREATED | {"eventTime": "2026-05-24T19:36:45Z"}])
           for event in read(body).events}  # fmt: skip

    assert len(ids) == 2


@pytest.mark.parametrize("time", ["", "soon", None, 5, "2026-05-24T19:36:44", "0001-01-01T00:00:00+14:00"])
def test_an_invalid_time_gives_no_sequence(time):
    [event] = read(CREATED | {"eventTime": time}).events

    assert event.sequence is None


@pytest.mark.parametrize(
    "body",
    [b"", b"x", b"5", b"null", b"\xff", b"{", b'{"messages": 5}', b'{"messages": [{}]}', b'[{"object": {}}]', b"AAAA",
     json.dumps(CREATED | {"bucket": 5}).encode(), json.dumps(CREATED | {"object": {"key": ""}}).encode(),
     json.dumps([CREATED] * 1001).encode()],
)  # fmt: skip
def test_another_body_is_a_bad_request(body):
    with pytest.raises(BadRequest):
        read(body, raw=True)


def test_with_a_secret_only_a_signed_body_is_read():
    with pytest.raises(Unauthorised):
        r2.read(json.dumps(CREATED).encode(), {}, secret=SECRET, now=SENT_AT)
