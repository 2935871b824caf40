"""The changes that a notification's events ask for. Every door of notifications shares these rules."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from raythumbs.errors import BadSource
from raythumbs.events import emit
from raythumbs.model.folder import FolderRule
from raythumbs.model.ids import new_id
from raythumbs.model.job import Change, JobRequest, Priority, Removal
from raythumbs.model.source import Source, SourcePolicy, is_folder_marker
from raythumbs.notifications.event import Event, Notification, RemovalEvent, UploadEvent


def with_sources(found: Notification, *, proven: bool) -> Notification:
    """Return the notification without events whose source is none. They are ignored, or faults of a proven sender."""
    events, faults = [], []
    for event in found.events:
        try:
            Source.parse(event.source)
        except BadSource as error:  # not a refusal, because sending it again would not help
            emit("event.unreadable", source=ascii(event.source)[:2000], reason=error.reason)
            faults.append(error.reason)
        else:
            events.append(event)
    if proven:
        return replace(found, events=tuple(events), faults=(*found.faults, *faults))
    return replace(found, events=tuple(events), ignored=found.ignored + len(faults))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events are wanted: those of sources that may be read, but none of direct uploads and of thumbnails."""

    policy: SourcePolicy
    originals_uri: str
    folder_rule: FolderRule
    now: Callable[[], float]

    def changes_of(self, events: Iterable[Event]) -> list[Change]:
        """Return the change of each wanted event: a request for a job, or a removal. All have sources, see above."""
        return [self._change(event) for event in events if self._wants(event)]

    def _wants(self, event: Event) -> bool:
        source = Source.parse(event.source)
        if isinstance(event, UploadEvent) and is_folder_marker(source.key, event.size_bytes):
            return False
        # An upload has its job already; the bucket's word of it would come between, as of a newer version.
        is_upload = isinstance(event, UploadEvent) and event.source.startswith(self.originals_uri)
        if is_upload or not self.policy.allows(source):
            emit("event.unwanted", source=event.source, output=self.policy.is_output(source))
            return False
        return True

    def _change(self, event: Event) -> Change:
        now = self.now()
        if isinstance(event, RemovalEvent):
            photo_id = new_id(now=now)
            return Removal(photo_id=photo_id, source=event.source, event_id=event.id, sequence=event.sequence)
        return JobRequest(
            job_id=new_id(now=now),
            photo_id=new_id(now=now),
            source=event.source,
            priority=Priority.NORMAL,
            version=event.version,
            size_bytes=event.size_bytes,
            folder_id=self.folder_rule.of(event.source),
            event_id=event.id,
            sequence=event.sequence,
        )
