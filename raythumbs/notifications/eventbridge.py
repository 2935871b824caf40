"""Amazon S3's events as EventBridge sends them. Keys are as they are, not form-encoded.

Source: Amazon S3 User Guide, "EventBridge event message structure" and "EventBridge mapping and troubleshooting".
"""

from collections.abc import Mapping
from typing import Any

from raythumbs.errors import BadRequest
from raythumbs.notifications.event import Event, RemovalEvent, UploadEvent, event_id, size_bytes, storable, text
from raythumbs.notifications.sequencer import sequence_of

CREATED = {"Object Created", "Object Restore Completed"}
DELETED = {"Object Deleted"}
OF_NO_INTEREST = {
    "Object Restore Initiated", "Object Restore Expired", "Object Storage Class Changed", "Object Access Tier Changed",
    "Object ACL Updated", "Object Tags Added", "Object Tags Deleted",
}  # fmt: skip


def is_of_eventbridge(message: Mapping[str, Any]) -> bool:
    """Return whether a message has the shape of EventBridge."""
    return "detail-type" in message


def event_of(message: Mapping[str, Any]) -> Event | None:
    """Return the event of EventBridge as an upload or a removal, or None if it changes no object's content.

    Raises BadRequest for an event that is not of S3, or that cannot be read.
    """
    kind, source = text(message.get("detail-type")), text(message.get("source"))
    if source != "aws.s3" or kind not in CREATED | DELETED | OF_NO_INTEREST:
        raise BadRequest(
            f"EventBridge's {kind[:100]!a} of {source[:100]!a} is not understood: send S3's {useful_kinds()}"
        )
    if kind in OF_NO_INTEREST:
        return None
    try:
        detail = message["detail"]
        bucket, about = text(detail["bucket"]["name"]), detail["object"]
        key, version_id = text(about["key"]), storable(about.get("version-id"))
        version, size = storable(about.get("etag")) or version_id, size_bytes(about.get("size"))
        sequence = sequence_of(text(about.get("sequencer")))
        is_of_version = detail.get("deletion-type") == "Permanently Deleted" and version_id is not None
    except (KeyError, TypeError, AttributeError) as error:
        raise BadRequest(f"{kind!r} has no readable detail.bucket.name and detail.object.key: {error!r}") from error
    own_id = text(message.get("id"))
    if not (bucket and key and own_id):
        raise BadRequest(f"{kind!r} has no readable id, detail.bucket.name and detail.object.key")
    where, id_ = f"s3://{bucket}/{key}", event_id("eventbridge", own_id)
    if kind in DELETED and not is_of_version:
        return RemovalEvent(id=id_, source=where, sequence=sequence)
    return UploadEvent(id=id_, source=where, version=version, size_bytes=size, sequence=sequence)


def useful_kinds() -> str:
    """Return the kinds that do something, as text."""
    return ", ".join(f"'{kind}'" for kind in sorted(CREATED | DELETED))
