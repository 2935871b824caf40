"""Events of Google Cloud Storage, as Pub/Sub pushes them."""

import json
from base64 import b64encode

import pytest

from raythumbs.notifications import gcs
from raythumbs.notifications.event import RemovalEvent, UploadEvent

ATTRIBUTES = {
    "eventType": "OBJECT_FINALIZE", "payloadFormat": "JSON_API_V1", "bucketId": "photos", "objectId": "a b/c+d%20.jpg",
    "objectGeneration": "1587627537231057", "eventTime": "2026-11-23T12:00:00.01Z",
    "notificationConfig": "projects/_/buckets/photos/notificationConfigs/3",
}  # fmt: skip
RESOURCE = {
    "kind": "storage#object", "bucket": "photos", "name": "a b/c+d%20.jpg", "generation": "1587627537231057",
    "size": "352", "etag": "CNGSxt3I/OgCEAE=", "contentType": "image/jpeg",
}  # fmt: skip


def pushed(resource=RESOURCE, **attributes):
    data = {"data": b64encode(json.dumps(resource).encode()).decode()} if resource is not None else {}
    message = {"attributes": ATTRIBUTES | attributes, "messageId": "2070", "message_id": "2070", **data}
    return json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"}).encode()


def read_one(**given):
    [event] = gcs.read_genuine(pushed(**given)).events
    return event


def test_an_object_becomes_an_event_with_its_key_as_it_is():
    event = read_one()

    assert event.source == "s3://photos/a b/c+d%20.jpg"
    assert (event.version, event.size_bytes, event.sequence) == ("1587627537231057", 352, "gcs:00001587627537231057")


def test_a_notification_without_the_resource_has_no_size():
    assert read_one(resource=None, payloadFormat="NONE").size_bytes is None


@pytest.mark.parametrize("size", [352, "352"])
def test_a_number_may_be_text(size):
    assert read_one(resource=RESOURCE | {"size": size}, objectGeneration=1587627537231057) == read_one()


def test_messages_of_one_event_have_one_id():
    other = json.loads(pushed())
    other["message"]["messageId"] = "2071"

    assert gcs.read_genuine(json.dumps(other).encode()).events[0].id == read_one().id
    assert read_one(objectGeneration="1587627537231058").id != read_one().id


def test_an_archived_object_is_gone():
    assert isinstance(read_one(eventType="OBJECT_ARCHIVE"), RemovalEvent)


def test_after_the_deletion_of_one_generation_the_object_is_checked_again():
    event = read_one(eventType="OBJECT_DELETE")

    assert isinstance(event, UploadEvent)
    assert event.version is None


@pytest.mark.parametrize("kind", ["OBJECT_DELETE", "OBJECT_ARCHIVE"])
def test_an_object_that_was_overwritten_is_not_gone(kind):
    found = gcs.read_genuine(pushed(eventType=kind, overwrittenByGeneration="1587627537231099"))

    assert (found.events, found.ignored) == ((), 1)


@pytest.mark.parametrize("kind", ["OBJECT_METADATA_UPDATE", "OBJECT_INITIALIZE"])
def test_events_of_no_content_are_ignored(kind):
    assert gcs.read_genuine(pushed(eventType=kind)).ignored == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"message": {"attributes": 5}}', pushed(eventType="OBJECT_MOVED"), pushed(bucketId=""),
     pushed(objectId=None), pushed(objectGeneration="x"), pushed(objectGeneration="9" * 30)],
)  # fmt: skip
def test_what_cannot_be_understood_is_a_fault(body):
    found = gcs.read_genuine(body)

    assert (found.events, len(found.faults)) == ((), 1)
