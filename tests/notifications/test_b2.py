import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from raythumbs.errors import BadRequest, RaythumbsError, Unauthorised
from raythumbs.notifications import b2
from raythumbs.notifications.event import MAX_EVENTS, Notification, RemovalEvent, UploadEvent

SECRET = "3XDfkdQte2OgA78qCtSD17LAzpj6ay9H"
OLD_SECRET = "Zq7mR1vXk29TcB4nLwYd83HsPfJg06Ae"

# A body as B2 sends it, and its signature as OpenSSL has it: openssl dgst -sha256 -hmac $SECRET
SIGNED_BODY = (
    '{"events":[{"accountId":"e85c6a500333","bucketId":"aea8c5bc362ae55070130333","bucketName":"photos",'
    '"eventId":"9f6dcd4ba7f83b1b7e1d1ed44b4d3ea4d3ee2e9e4ab29b6b1bb0c2ff2e4e2a11","eventTimestamp":1795435200000,'
    '"eventType":"b2:ObjectCreated:Upload","eventVersion":1,"matchedRuleName":"thumbnails",'
    '"objectName":"raw/Zoë 1+1.png","objectSize":23889,'
    '"objectVersionId":"4_zaea8c5bc362ae55070130333_f10_d20261123_m120000_c004_v0402012_t0028_u01795435200000"}]}'
).encode()
SIGNATURE = "v1=f4c65a691810f790f2fdb33856a348f2202cd45e00ba2823e666aa6388cbcf92"


def an_event(**changed: Any) -> dict[str, Any]:
    [event] = json.loads(SIGNED_BODY)["events"]
    return event | changed


def body(*events: object) -> bytes:
    return json.dumps({"events": events}).encode()


def signed(sent: bytes, *secrets: str) -> dict[str, str]:
    signatures = (hmac.new(secret.encode(), sent, hashlib.sha256).hexdigest() for secret in secrets)
    return {"x-bz-event-notification-signature": ",".join(f"v1={signature}" for signature in signatures)}


def read_one(event: object) -> UploadEvent:
    [event_read] = b2.read(body(event), {}, secret=None).events
    return event_read


A_TEST = {
    "accountId": "e85c6a500333",
    "bucketId": "aea8c5bc362ae55070130333",
    "bucketName": "photos",
    "eventId": "9f6dcd4ba7f83b1b7e1d1ed44b4d3ea4d3ee2e9e4ab29b6b1bb0c2ff2e4e2a12",
    "eventTimestamp": 1795435200000,
    "eventType": "b2:TestEvent",
    "eventVersion": 1,
    "matchedRuleName": "thumbnails",
}


# --- events


def test_an_upload_becomes_an_event_with_its_version_and_size() -> None:
    notification = b2.read(SIGNED_BODY, {}, secret=None)

    [event] = notification.events
    assert event.source == "s3://photos/raw/Zoë 1+1.png"
    assert event.version == "4_zaea8c5bc362ae55070130333_f10_d20261123_m120000_c004_v0402012_t0028_u01795435200000"
    assert event.size_bytes == 23889
    assert notification.ignored == 0


@pytest.mark.parametrize("how", ["Upload", "MultipartUpload", "Copy", "Replica", "MultipartReplica"])
def test_every_way_to_create_an_object_counts(how: str) -> None:
    notification = b2.read(body(an_event(eventType=f"b2:ObjectCreated:{how}")), {}, secret=None)

    assert len(notification.events) == 1


@pytest.mark.parametrize("name", ["b2:HideMarkerCreated:Hide", "b2:HideMarkerCreated:LifecycleRule"])
def test_a_hidden_object_becomes_a_removal_with_its_sequence(name: str) -> None:
    [event] = b2.read(body(an_event(eventType=name, eventTimestamp=1721711606884)), {}, secret=None).events

    assert isinstance(event, RemovalEvent)
    assert event.sequence == "b2:00000001721711606884"


@pytest.mark.parametrize("name", ["b2:ObjectDeleted:Delete", "b2:ObjectDeleted:LifecycleRule"])
def test_after_the_deletion_of_one_version_the_object_is_checked_again(name: str) -> None:
    [event] = b2.read(body(an_event(eventType=name)), {}, secret=None).events

    assert isinstance(event, UploadEvent)


@pytest.mark.parametrize("timestamp", [None, "1721711606884", -1, 1e12, 10**20])
def test_an_invalid_time_gives_no_sequence(timestamp: object) -> None:
    [event] = b2.read(body(an_event(eventTimestamp=timestamp)), {}, secret=None).events

    assert event.sequence is None


@pytest.mark.parametrize(
    "name",
    [
        "b2:MultipartUploadCreated:LiveRead",
        "b2:ObjectCreated:Something",
        "b2:TestEvent",
    ],
)
def test_an_unknown_event_type_is_ignored(name: str) -> None:
    notification = b2.read(body(an_event(eventType=name), an_event()), {}, secret=None)

    assert len(notification.events) == 1
    assert notification.ignored == 1


@pytest.mark.parametrize("name", ["", None, ["b2:ObjectCreated:Upload"], {"b2:ObjectCreated:Upload": 1}])
def test_an_event_without_a_type_is_not_lost(name: object) -> None:
    sent = body(an_event(eventType=name), an_event())

    signed_one = b2.read(sent, signed(sent, SECRET), secret=SECRET)

    assert (len(signed_one.events), signed_one.ignored) == (1, 0)
    assert signed_one.faults == ("an event has no readable eventType",)
    with pytest.raises(BadRequest, match="eventType"):
        b2.read(sent, {}, secret=None)


@given(name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
@example(name="a+b%20c/../d.jpg")
def test_a_key_is_not_decoded(name: str) -> None:
    assert read_one(an_event(objectName=name)).source == f"s3://photos/{name}"


def test_a_repeated_event_has_the_same_id_and_another_upload_another() -> None:
    first, again = read_one(an_event()), read_one(an_event(eventTimestamp=1795435209999))
    other = read_one(an_event(eventId="0" * 64))

    assert first.id == again.id
    assert first.id != other.id


@pytest.mark.parametrize("event_id", ["1", "\0", "\ud800", "9" * 100_000])
def test_an_id_fits_any_column_whatever_was_sent(event_id: str) -> None:
    event = read_one(an_event(eventId=event_id))

    assert len(event.id) < 100
    assert event.id.isascii()
    assert event.id.isprintable()


@pytest.mark.parametrize("size", [None, -1, 1 << 62, 1.5, "12", True, []])
def test_an_invalid_size_is_ignored(size: object) -> None:
    assert read_one(an_event(objectSize=size)).size_bytes is None


@pytest.mark.parametrize("version", [None, "", 5, [], "v\0", "v\ud800"])
def test_a_version_that_no_column_can_hold_is_ignored(version: object) -> None:
    assert read_one(an_event(objectVersionId=version)).version is None


# --- signatures


def test_a_signature_by_the_secret_is_accepted() -> None:
    notification = b2.read(SIGNED_BODY, {"x-bz-event-notification-signature": SIGNATURE}, secret=SECRET)

    assert len(notification.events) == 1


@pytest.mark.parametrize("secrets", [(SECRET, OLD_SECRET), (OLD_SECRET, SECRET), ("a", "b", SECRET)])
def test_while_keys_are_rotated_one_of_several_signatures_is_enough(secrets: tuple[str, ...]) -> None:
    headers = signed(SIGNED_BODY, *secrets)
    spaced = {name: value.replace(",", ", ") for name, value in headers.items()}

    assert len(b2.read(SIGNED_BODY, headers, secret=SECRET).events) == 1
    assert len(b2.read(SIGNED_BODY, spaced, secret=SECRET).events) == 1


@pytest.mark.parametrize(
    "header",
    [
        "",
        ",",
        "v1=",
        SIGNATURE.removeprefix("v1="),
        SIGNATURE.replace("v1=", "v2="),
        SIGNATURE[:-1],
        SIGNATURE + "0",
        signed(SIGNED_BODY, OLD_SECRET)["x-bz-event-notification-signature"],
        signed(SIGNED_BODY + b" ", SECRET)["x-bz-event-notification-signature"],
        "v1=ü",
    ],
)
def test_a_wrong_signature_is_refused(header: str) -> None:
    with pytest.raises(Unauthorised):
        b2.read(SIGNED_BODY, {"x-bz-event-notification-signature": header}, secret=SECRET)


def test_a_missing_signature_is_refused() -> None:
    with pytest.raises(Unauthorised):
        b2.read(SIGNED_BODY, {}, secret=SECRET)


@given(position=st.integers(min_value=0, max_value=len(SIGNED_BODY) - 1), bit=st.integers(min_value=0, max_value=7))
def test_a_body_with_one_changed_bit_is_refused(position: int, bit: int) -> None:
    changed = bytearray(SIGNED_BODY)
    changed[position] ^= 1 << bit

    with pytest.raises((Unauthorised, BadRequest)):
        b2.read(bytes(changed), {"x-bz-event-notification-signature": SIGNATURE}, secret=SECRET)


def test_the_consoles_test_event_needs_no_signature_and_does_nothing() -> None:
    assert b2.read(body(A_TEST), {}, secret=SECRET) == Notification(events=(), ignored=1)


def test_a_test_event_does_not_excuse_other_unsigned_events() -> None:
    with pytest.raises(Unauthorised):
        b2.read(body(A_TEST, an_event()), {}, secret=SECRET)


# --- invalid bodies


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"events": null}',
        b'{"events": {}}',
        b'{"events": ["b2:ObjectCreated:Upload"]}',
        b'{"events": ' + b"[" * 100_000,
        *(
            body({name: value for name, value in an_event().items() if name != missing})
            for missing in ("bucketName", "objectName", "eventId")
        ),
        *(body(an_event(**{wrong: 5})) for wrong in ("bucketName", "objectName", "eventId")),
        *(body(an_event(**{empty: ""})) for empty in ("bucketName", "objectName", "eventId")),
    ],
)
def test_a_body_that_is_no_notification_is_a_bad_request_or_if_it_is_signed_a_fault(sent: bytes) -> None:
    with pytest.raises(BadRequest):
        b2.read(sent, {}, secret=None)
    with pytest.raises((BadRequest, Unauthorised)):
        b2.read(sent, {}, secret=SECRET)

    found = b2.read(sent, signed(sent, SECRET), secret=SECRET)

    assert (found.events, len(found.faults)) == ((), 1)


def test_a_body_has_at_most_a_thousand_events() -> None:
    events = [an_event(eventId=str(number)) for number in range(MAX_EVENTS)]

    assert len({event.id for event in b2.read(body(*events), {}, secret=None).events}) == 1000
    with pytest.raises(BadRequest, match="1001 events"):
        b2.read(body(*events, an_event()), {}, secret=None)


# --- hostile bodies


ANY_TEXT = st.text(st.characters(codec=None), max_size=20)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=5,
)
ODD_EVENT = st.fixed_dictionaries(
    {"eventType": st.just("b2:ObjectCreated:Upload") | ANY_JSON},
    optional={
        "bucketName": st.just("photos") | ANY_JSON,
        "objectName": st.just("cat.jpg") | ANY_JSON,
        "eventId": st.just("1") | ANY_JSON,
        "objectSize": ANY_JSON,
        "objectVersionId": ANY_JSON,
    },
)
ANY_BODY = st.one_of(
    st.binary(),
    ANY_JSON.map(json.dumps).map(str.encode),
    st.lists(ODD_EVENT, max_size=3).map(lambda events: body(*events)),
)


@given(sent=ANY_BODY)
@example(sent=body(an_event(eventType=[])))
@example(sent=body(an_event(objectName="\ud800.jpg")))
def test_any_body_is_a_notification_or_refused(sent: bytes) -> None:
    try:
        notification = b2.read(sent, {}, secret=None)
    except RaythumbsError:
        return

    for event in notification.events:
        assert event.id.isascii()
        assert b"\0" not in (event.version or "").encode()


@given(sent=ANY_BODY, header=st.text(st.characters(max_codepoint=255)))
def test_without_the_secret_no_event_is_ever_accepted(sent: bytes, header: str) -> None:
    try:
        notification = b2.read(sent, {"x-bz-event-notification-signature": header}, secret=SECRET)
    except RaythumbsError:
        return

    assert notification.events == ()
