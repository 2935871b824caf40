"""S3's events as EventBridge sends them; the shape is that of the Amazon S3 User Guide."""

import json
from typing import Any

import pytest

from raythumbs.errors import BadRequest
from raythumbs.notifications import s3
from raythumbs.notifications.event import Notification, RemovalEvent, UploadEvent
from raythumbs.notifications.eventbridge import OF_NO_INTEREST


def an_event(kind: str = "Object Created", **changed: Any) -> dict[str, Any]:
    about = {"key": "plus+test (2)%41.jpg", "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184", "version-id": "v1"}
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": kind,
        "source": "aws.s3",
        "account": "111122223333",
        "time": "2026-11-23T12:00:00Z",
        "region": "ca-central-1",
        "resources": ["arn:aws:s3:::photos"],
        "detail": {
            "version": "0",
            "bucket": {"name": "photos"},
            "object": about | {"sequencer": "617f08299329d189"} | changed.pop("about", {}),
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "123456789012",
            "reason": "PutObject",
        }
        | changed.pop("detail", {}),
    } | changed


def read(*events: object) -> Notification:
    told = s3.read(json.dumps(events[0] if len(events) == 1 else events).encode(), {}, token=None)
    assert isinstance(told, Notification)
    return told


@pytest.mark.parametrize("kind", ["Object Created", "Object Restore Completed"])
def test_an_object_that_can_be_read_now_is_told_with_its_key_as_it_is(kind: str) -> None:
    [event] = read(an_event(kind)).events

    assert isinstance(event, UploadEvent)
    assert (event.source, event.size_bytes) == ("s3://photos/plus+test (2)%41.jpg", 5)
    assert event.version == "b1946ac92492d2347c6235b4d2611184"
    assert event.sequence == "s3:" + "617f08299329d189".rjust(40, "0")


@pytest.mark.parametrize(
    ("how", "about", "kind"),
    [
        ("Delete Marker Created", {}, RemovalEvent),
        ("Permanently Deleted", {"version-id": None}, RemovalEvent),
        ("Permanently Deleted", {}, UploadEvent),
    ],
)
def test_a_deletion_is_told_unless_another_version_may_be_shown(how: str, about: dict[str, Any], kind: type) -> None:
    deleted = an_event("Object Deleted", about=about, detail={"deletion-type": how, "reason": "DeleteObject"})

    [event] = read(deleted).events

    assert isinstance(event, kind)


@pytest.mark.parametrize("kind", sorted(OF_NO_INTEREST))
def test_what_changes_no_content_is_ignored(kind: str) -> None:
    assert read(an_event(kind)) == Notification(events=(), ignored=1)


def test_several_events_come_in_a_list() -> None:
    told = read(an_event(), an_event("Object Tags Added"), an_event(id="2", about={"key": "b.jpg"}))

    assert [event.source for event in told.events] == ["s3://photos/plus+test (2)%41.jpg", "s3://photos/b.jpg"]
    assert told.ignored == 1


def test_a_repeated_event_has_the_same_id_and_another_has_another() -> None:
    assert len({event.id for event in read(an_event(), an_event(), an_event(id="2")).events}) == 2


@pytest.mark.parametrize(
    "told",
    [
        an_event("AWS API Call via CloudTrail"),
        an_event("Object Vanished"),
        an_event(source="aws.ec2"),
        an_event(source="my.app"),
        an_event(detail={"bucket": {}}),
        an_event(detail={"object": None}),
        an_event(about={"key": ""}),
        an_event(about={"key": 7}),
        an_event(id=None),
        {"detail-type": "Object Created", "source": "aws.s3"},
        {"detail-type": None},
    ],
)
def test_what_nobody_understands_is_refused_with_words(told: object) -> None:
    with pytest.raises(BadRequest, match=r"not understood|no readable"):
        read(told)
