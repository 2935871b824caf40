"""Which events become changes; the doors share the rules."""

from raythumbs.model.folder import FolderRule
from raythumbs.model.job import JobRequest, Removal
from raythumbs.model.source import SourcePolicy
from raythumbs.notifications.changes import Wanted, with_sources
from raythumbs.notifications.event import Notification, RemovalEvent, UploadEvent

WANTED = Wanted(
    policy=SourcePolicy(allowed=("s3://photos/", "s3://store/"), outputs=("s3://photos/thumbnails/",)),
    originals_uri="s3://store/originals/",
    folder_rule=FolderRule(depth=None, browser_uploads="s3://store/uploads/", direct_uploads="s3://store/originals/"),
    now=lambda: 1.0,
)


def an_upload(source: str, *, size_bytes: int | None = 5) -> UploadEvent:
    return UploadEvent(id="e", source=source, version="v", size_bytes=size_bytes, sequence="s3:1")


def test_an_upload_becomes_a_request_and_a_removal_a_removal():
    gone = RemovalEvent(id="f", source="s3://photos/b.jpg", sequence=None)

    request, removal = WANTED.changes_of([an_upload("s3://photos/album/a.jpg"), gone])

    assert isinstance(request, JobRequest)
    assert (request.source, request.version, request.event_id) == ("s3://photos/album/a.jpg", "v", "e")
    assert request.folder_id == "album"
    assert isinstance(removal, Removal)
    assert (removal.source, removal.event_id) == ("s3://photos/b.jpg", "f")


def test_markers_thumbnails_direct_uploads_and_foreign_buckets_are_not_wanted():
    unwanted = [
        an_upload("s3://photos/folder/", size_bytes=0),
        an_upload("s3://photos/thumbnails/a.jpg"),
        an_upload("s3://store/originals/a.jpg"),
        an_upload("s3://others/a.jpg"),
    ]

    assert WANTED.changes_of(unwanted) == []


def test_the_removal_of_a_direct_upload_is_wanted():
    gone = RemovalEvent(id="f", source="s3://store/originals/a.jpg", sequence=None)

    assert len(WANTED.changes_of([gone])) == 1


def test_an_event_without_a_possible_source_is_a_fault_of_a_proven_sender_and_ignored_of_another():
    good = an_upload("s3://photos/a.jpg")
    found = Notification(events=(an_upload("s3://photos/\0"), good), ignored=1, faults=("another",))

    proven, unproven = with_sources(found, proven=True), with_sources(found, proven=False)

    assert (proven.events, proven.ignored, len(proven.faults)) == ((good,), 1, 2)
    assert (unproven.events, unproven.ignored, unproven.faults) == ((good,), 2, ("another",))
