import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from raythumbs.errors import BadRequest, RaythumbsError, Unauthorised
from raythumbs.model.job import is_older
from raythumbs.notifications import s3
from raythumbs.notifications.event import MAX_EVENTS, Notification, RemovalEvent, UploadEvent
from raythumbs.notifications.sns import Confirmation

NO_HEADERS: Mapping[str, str] = {}


def aws_record(key: str = "2026/red%20flower.jpg", **changed: Any) -> dict[str, Any]:
    """A record as Amazon S3 writes it."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-west-1",
        "eventTime": "2026-11-23T12:00:00.000Z",
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:AIDAJDPLRKLG7UEXAMPLE"},
        "requestParameters": {"sourceIPAddress": "203.0.113.9"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "thumbnails",
            "bucket": {
                "name": "photos",
                "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                "arn": "arn:aws:s3:::photos",
            },
            "object": {
                "key": key,
                "size": 1024,
                "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                "versionId": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
                "sequencer": "0062B9D834A809629F",
            },
        },
    } | changed


def minio_body(**changed: Any) -> bytes:
    """A body as MinIO posts it: one record, `s3:` before the event's name, Go's QueryEscape on the key."""
    record = {
        "eventVersion": "2.0",
        "eventSource": "minio:s3",
        "awsRegion": "",
        "eventTime": "2026-11-23T12:00:00.123Z",
        "eventName": "s3:ObjectCreated:Put",
        "userIdentity": {"principalId": "minioadmin"},
        "requestParameters": {"principalId": "minioadmin", "region": "", "sourceIPAddress": "10.0.0.1"},
        "responseElements": {
            "x-amz-id-2": "dd9025bab4ad464b049177c95eb6ebf374d3b3fd1af9251148b658df7ac2e3e8",
            "x-amz-request-id": "17F2A0C4C2B2D33C",
            "x-minio-deployment-id": "90e81272-41be-4e3e-a1a2-000000000000",
            "x-minio-origin-endpoint": "http://10.0.0.1:9000",
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "Config",
            "bucket": {"name": "photos", "ownerIdentity": {"principalId": "minioadmin"}, "arn": "arn:aws:s3:::photos"},
            "object": {
                "key": "raw%2Fa+b.jpg",
                "size": 23889,
                "eTag": "3b0b8d7ae8f6e2f6c7a6e7d2b7a3c1d0",
                "contentType": "image/jpeg",
                "userMetadata": {"content-type": "image/jpeg"},
                "sequencer": "17F2A0C4D5E6F708",
            },
        },
        "source": {"host": "10.0.0.1", "port": "", "userAgent": "MinIO (linux; amd64) minio-go/v7.0.70"},
    } | changed
    return json.dumps({"EventName": record["eventName"], "Key": "photos/raw/a b.jpg", "Records": [record]}).encode()


def body(*records: object) -> bytes:
    return json.dumps({"Records": records}).encode()


def read_one(record: Mapping[str, Any]) -> UploadEvent:
    [event] = s3.read(body(record), NO_HEADERS, token=None).events
    assert isinstance(event, UploadEvent)
    return event


def with_object(**changed: Any) -> dict[str, Any]:
    record = aws_record()
    record["s3"]["object"] |= changed
    return record


# --- events


def test_an_upload_to_amazon_s3_becomes_an_event_with_its_version_and_size() -> None:
    notification = s3.read(body(aws_record()), NO_HEADERS, token=None)

    [event] = notification.events
    assert event.source == "s3://photos/2026/red flower.jpg"
    assert event.version == "d41d8cd98f00b204e9800998ecf8427e"
    assert event.size_bytes == 1024
    assert notification.ignored == 0


def test_an_upload_to_minio_becomes_an_event_with_its_etag_as_version() -> None:
    notification = s3.read(minio_body(), NO_HEADERS, token=None)

    [event] = notification.events
    assert event.source == "s3://photos/raw/a b.jpg"
    assert event.version == "3b0b8d7ae8f6e2f6c7a6e7d2b7a3c1d0"
    assert event.size_bytes == 23889


@pytest.mark.parametrize("how", ["Put", "Post", "Copy", "CompleteMultipartUpload"])
@pytest.mark.parametrize("prefix", ["", "s3:"])
def test_every_way_to_create_an_object_counts(prefix: str, how: str) -> None:
    notification = s3.read(body(aws_record(eventName=f"{prefix}ObjectCreated:{how}")), NO_HEADERS, token=None)

    assert len(notification.events) == 1


@pytest.mark.parametrize("prefix", ["", "s3:"])
@pytest.mark.parametrize(
    ("name", "version_id"),
    [
        ("ObjectRemoved:Delete", None),
        ("LifecycleExpiration:Delete", None),
        ("ObjectRemoved:DeleteAllVersions", None),
        ("ObjectRemoved:DeleteAllVersions", "v7"),
        ("LifecycleDelMarkerExpiration:Delete", "v7"),
        ("ObjectLifecycle:Expiration:Current", None),
        ("ObjectSynced:Delete", None),
        ("ObjectSynced:DeletionMarkerCreated", "v7"),
        ("Replication:Delete", None),
        ("Replication:DeletionMarkerCreated", "v7"),
        ("ObjectRemoved:DeleteMarkerCreated", "v7"),
        ("LifecycleExpiration:DeleteMarkerCreated", "v7"),
    ],
)
def test_a_deletion_becomes_an_event_with_its_sequence(prefix: str, name: str, version_id: str | None) -> None:
    deleted = {"key": "cat.jpg", "sequencer": "0062B9"} | ({"versionId": version_id} if version_id else {})
    gone = aws_record(eventName=prefix + name, s3={"bucket": {"name": "photos"}, "object": deleted})

    [event] = s3.read(body(gone), NO_HEADERS, token=None).events

    assert isinstance(event, RemovalEvent)
    assert (event.source, event.sequence) == ("s3://photos/cat.jpg", "s3:" + "0062b9".rjust(40, "0"))


@pytest.mark.parametrize("name", ["ObjectRestore:Completed", "ObjectSynced:Create", "Replication:Create"])
@pytest.mark.parametrize("prefix", ["", "s3:"])
def test_an_object_that_can_be_read_from_now_on_counts_as_created(prefix: str, name: str) -> None:
    event = read_one(aws_record(eventName=prefix + name))

    assert event.source == "s3://photos/2026/red flower.jpg"


@pytest.mark.parametrize("name", ["ObjectRemoved:Delete", "LifecycleExpiration:Delete"])
def test_after_the_deletion_of_one_version_the_object_is_checked_again(name: str) -> None:
    found = {"key": "cat.jpg", "versionId": "v7"}

    event = read_one(aws_record(eventName=name, s3={"bucket": {"name": "photos"}, "object": found}))

    assert (event.source, event.version) == ("s3://photos/cat.jpg", "v7")


@given(first=st.integers(0, 2**80), second=st.integers(0, 2**80), letters=st.integers(1, 20))
def test_sequences_sort_as_their_numbers_do(first: int, second: int, letters: int) -> None:
    one, other = (read_one(with_object(sequencer=f"{number:0{letters}X}")).sequence for number in (first, second))

    assert is_older(one, than=other) == (first < second)


@pytest.mark.parametrize("sequencer", ["", "xyz", "F" * 41, None, 7])
def test_an_invalid_sequencer_is_ignored(sequencer: object) -> None:
    assert read_one(with_object(sequencer=sequencer)).sequence is None


@pytest.mark.parametrize(
    "name",
    [
        "ObjectRemoved:NoOP",
        "ObjectTagging:Put",
        "ObjectAcl:Put",
        "ObjectRestore:Post",
        "ObjectRestore:Delete",
        "IntelligentTiering",
        "LifecycleTransition",
        "ObjectTransition:Complete",
        "ObjectLifecycle:Expiration:NonCurrent",
        "Replication:OperationCompletedReplication",
        "ObjectCreated:PutTagging",
        "s3:ObjectCreated:PutTagging",
        "s3:ObjectCreated:DeleteTagging",
        "s3:ObjectCreated:PutRetention",
        "s3:ObjectCreated:PutLegalHold",
        "s3:ObjectAccessed:Get",
        "s3:s3:ObjectCreated:Put",
    ],
)
def test_changes_of_tags_and_the_like_are_ignored(name: str) -> None:
    gone = aws_record(eventName=name, s3={"bucket": {"name": "photos"}, "object": {"key": "cat.jpg"}})

    notification = s3.read(body(gone, aws_record()), NO_HEADERS, token=None)

    assert [event.source for event in notification.events] == ["s3://photos/2026/red flower.jpg"]
    assert notification.ignored == 1


def test_the_test_event_of_amazon_s3_is_ignored() -> None:
    hello = {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": "2026-11-23T12:00:00.000Z",
        "Bucket": "photos",
        "RequestId": "5582815E1AEA5ADF",
        "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE",
    }

    assert s3.read(json.dumps(hello).encode(), NO_HEADERS, token=None) == Notification(events=(), ignored=1)


@pytest.mark.parametrize(
    ("encoded", "key"),
    [
        ("a+b%2Fred+flower%281%29.jpg", "a b/red flower(1).jpg"),
        ("1%2B1.jpg", "1+1.jpg"),
        ("Zo%C3%AB%2F%E5%86%99%E7%9C%9F.jpg", "Zoë/写真.jpg"),
        ("50%25.jpg", "50%.jpg"),
        ("%2E%2E/%2E%2E/etc", "../../etc"),
        ("plain/cat.jpg", "plain/cat.jpg"),
    ],
)
def test_a_key_is_decoded_as_a_form_encodes_it(encoded: str, key: str) -> None:
    assert read_one(aws_record(encoded)).source == f"s3://photos/{key}"


@given(key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_key_survives_form_encoding(key: str) -> None:
    assert read_one(aws_record(quote_plus(key))).source == f"s3://photos/{key}"


def test_a_key_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(BadRequest):
        s3.read(body(aws_record("caf%E9.jpg")), NO_HEADERS, token=None)


@pytest.mark.parametrize("size", [None, -1, 1 << 62, 1.5, "12", True, [], {}])
def test_an_invalid_size_is_ignored(size: object) -> None:
    assert read_one(with_object(size=size)).size_bytes is None


@pytest.mark.parametrize("version", [None, "", 5, [], {}, "v\0", "v\ud800"])
def test_a_version_that_no_column_can_hold_is_ignored(version: object) -> None:
    assert read_one(with_object(versionId=version, eTag=version)).version is None


# --- the same event, or another


def test_a_repeated_event_has_the_same_id() -> None:
    again = aws_record(responseElements={"x-amz-request-id": "another", "x-amz-id-2": "delivery"})

    assert read_one(aws_record()).id == read_one(again).id


@pytest.mark.parametrize(
    "other",
    [
        with_object(sequencer="0062B9D834A80962A0"),
        with_object(key="2026/blue+flower.jpg"),
        aws_record(eventName="ObjectCreated:Copy"),
        aws_record(s3=aws_record()["s3"] | {"bucket": {"name": "holiday"}}),
    ],
)
def test_another_upload_has_another_id(other: dict[str, Any]) -> None:
    assert read_one(aws_record()).id != read_one(other).id


def test_without_sequencers_uploads_are_distinguished_by_request_and_time() -> None:
    plain = with_object(sequencer=None)
    same = with_object(sequencer=None)
    later = plain | {"eventTime": "2026-11-23T12:00:01.000Z"}
    other = plain | {"responseElements": {"x-amz-request-id": "another", "x-amz-id-2": "request"}}

    assert read_one(plain).id == read_one(same).id
    assert len({read_one(record).id for record in (plain, later, other)}) == 3


def test_an_id_depends_on_the_boundaries_between_its_texts() -> None:
    one = aws_record(s3=aws_record()["s3"] | {"bucket": {"name": "a"}, "object": {"key": "b/c", "sequencer": "1"}})
    two = aws_record(s3=aws_record()["s3"] | {"bucket": {"name": "a/b"}, "object": {"key": "c", "sequencer": "1"}})

    assert read_one(one).id != read_one(two).id


@pytest.mark.parametrize("sequencer", ["0062B9D834A809629F", "\0", "\ud800", "9" * 100_000])
def test_an_id_fits_any_column_whatever_was_sent(sequencer: str) -> None:
    event = read_one(with_object(sequencer=sequencer, key="k" * 1024))

    assert len(event.id) < 100
    assert event.id.isascii()
    assert event.id.isprintable()


# --- who may tell it


@pytest.mark.parametrize("given_token", ["Bearer hunter2", "hunter2", "Basic c25zOmh1bnRlcjI=", "basic Omh1bnRlcjI="])
def test_the_token_is_taken_as_minio_its_successor_and_sns_send_it(given_token: str) -> None:
    told = s3.read(minio_body(), {"authorization": given_token}, token="hunter2")

    assert len(told.events) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": "Bearer hunter3"},
        {"authorization": "Bearer hunter2 "},
        {"authorization": "bearer Bearer hunter2"},
        {"authorization": "Basic hunter2"},
        {"authorization": "Basic aHVudGVyMg=="},
        {"authorization": "Basic aHVudGVyMjpodW50ZXIz"},
        {"authorization": "Basic =="},
        {"authorization": "hünter2"},
    ],
)
def test_a_missing_or_wrong_token_is_refused_before_the_body_is_read(headers: dict[str, str]) -> None:
    with pytest.raises(Unauthorised):
        s3.read(b"no JSON", headers, token="hunter2")


# --- what cannot be understood


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'"Records"',
        b"{}",
        b'{"Records": null}',
        b'{"Records": {}}',
        b'{"Records": ["ObjectCreated:Put"]}',
        b"[" * 100_000,
        b'{"Records": ' + b"[" * 100_000,
        b'{"Records": ' + b"9" * 10_000 + b"}",
        b"[7]",
        b'{"Records": [{}]}',
        b'{"Records": [{"eventName": "INSERT", "dynamodb": {}}]}',
        body({"eventName": "ObjectCreated:Put"}),
        body(aws_record(s3=None)),
        body(aws_record(s3={"bucket": {"name": "photos"}})),
        body(aws_record(s3={"bucket": {"name": "photos"}, "object": {}})),
        body(aws_record(s3={"bucket": {"name": "photos"}, "object": {"key": 5}})),
        body(aws_record(s3={"bucket": {"name": "photos"}, "object": {"key": ""}})),
        body(aws_record(s3={"bucket": {"name": ["photos"]}, "object": {"key": "k"}})),
        body(aws_record(s3={"bucket": "photos", "object": {"key": "k"}})),
        body(aws_record(s3={"object": {"key": "k"}})),
    ],
)
def test_a_body_that_is_no_notification_is_a_bad_request(sent: bytes) -> None:
    with pytest.raises(BadRequest):
        s3.read(sent, NO_HEADERS, token=None)


def test_a_body_has_at_most_a_thousand_events() -> None:
    records = [with_object(sequencer=f"{number:016X}") for number in range(MAX_EVENTS)]

    assert len({event.id for event in s3.read(body(*records), NO_HEADERS, token=None).events}) == 1000
    with pytest.raises(BadRequest, match="1001 events"):
        s3.read(body(*records, aws_record()), NO_HEADERS, token=None)


# --- bodies that mean harm


ANY_TEXT = st.text(st.characters(codec=None), max_size=20)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=5,
)
ODD_RECORD = st.fixed_dictionaries(
    {"eventName": st.sampled_from(["ObjectCreated:Put", "s3:ObjectCreated:Copy"]) | ANY_JSON},
    optional={
        "eventTime": ANY_JSON,
        "responseElements": ANY_JSON | st.dictionaries(st.sampled_from(["x-amz-request-id", "x-amz-id-2"]), ANY_JSON),
        "s3": ANY_JSON
        | st.fixed_dictionaries(
            {},
            optional={
                "bucket": ANY_JSON | st.fixed_dictionaries({"name": st.just("photos") | ANY_JSON}),
                "object": ANY_JSON
                | st.dictionaries(st.sampled_from(["key", "size", "eTag", "versionId", "sequencer"]), ANY_JSON),
            },
        ),
    },
)


@given(
    sent=st.one_of(
        st.binary(), ANY_JSON.map(json.dumps).map(str.encode), st.lists(ODD_RECORD, max_size=3).map(lambda r: body(*r))
    )
)
@example(sent=body(aws_record("%00.jpg")))
@example(sent=body(with_object(key="\ud800.jpg")))
def test_any_body_is_a_notification_or_refused(sent: bytes) -> None:
    try:
        told = s3.read(sent, NO_HEADERS, token=None)
    except RaythumbsError:
        return

    if isinstance(told, Confirmation):
        return
    for event in told.events:
        assert event.id.isascii()
        assert b"\0" not in (event.version or "").encode()


@given(header=st.text(st.characters(max_codepoint=255)))
def test_any_other_token_is_refused(header: str) -> None:
    try:
        s3.read(minio_body(), {"authorization": header}, token="hunter2")
    except Unauthorised:
        return

    assert header in {"hunter2", "Bearer hunter2"}
