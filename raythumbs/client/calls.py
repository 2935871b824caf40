"""Every request as a value: what is sent, whether it may be repeated, and how its reply is read.

Nothing is sent here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from raythumbs.client.headers import authorization
from raythumbs.client.refusals import NotText
from raythumbs.client.retries import Again

T = TypeVar("T")
Json = dict[str, Any]

_SOURCES_A_REQUEST = 1000  # the service's limit
_JOBS_A_PAGE = 1000
_PHOTOS_A_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """A request. `read` makes the answer of the reply's JSON. `photos` are files, read while they are sent, under
    `names` or their own."""

    method: str
    path: str
    read: Callable[[Json], T]
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Json | None = None
    photos: Sequence[Path] = ()
    names: Sequence[str] | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    again: Again = Again.ALWAYS


def _whole(reply: Json) -> Json:
    return reply


def _part(name: str) -> Callable[[Json], list[Json]]:
    return lambda reply: list(reply[name])


def get(path: str, **params: object) -> Call[Json]:
    """Return a question. Parameters that are None are left out."""
    given = {name: value for name, value in params.items() if value is not None}
    return Call(method="GET", path=path, params=given, read=_whole)


def post(path: str, body: Json | None = None) -> Call[Json]:
    """Return a request that changes something, and may be repeated."""
    return Call(method="POST", path=path, json=body, read=_whole)


def given(**named: object) -> Json:
    """Return what is not None."""
    return {name: value for name, value in named.items() if value is not None}


# --- photos in


def upload(photos: Sequence[Path], folder_id: str | None) -> Call[list[Json]]:
    """Upload photos in one request."""
    return Call(
        method="POST",
        path="/api/uploads/direct",
        photos=photos,
        form={"folderId": folder_id} if folder_id else {},
        read=_part("uploads"),
        again=Again.IF_NOT_TAKEN,
    )


def submit(sources: Sequence[str], *, priority: str, folder_id: str | None) -> Call[list[Json]]:
    """Submit photos in one request."""
    body = given(sources=list(sources), priority=priority, folderId=folder_id or None)
    return Call(method="POST", path="/api/jobs", json=body, read=_part("jobs"))


def sources_by_request(sources: Sequence[str]) -> list[Sequence[str]]:
    """Divide sources among requests."""
    return [sources[at : at + _SOURCES_A_REQUEST] for at in range(0, len(sources), _SOURCES_A_REQUEST)]


def notify(records: Sequence[Json], *, token: str | None) -> Call[Json]:
    """Send S3 event records."""
    return Call(
        method="POST",
        path="/api/notifications/s3",
        json={"Records": list(records)},
        headers=authorization(token),
        read=_whole,
    )


# --- jobs and photos


def job(job_id: str) -> Call[Json]:
    """Ask for a job."""
    return get(f"/api/jobs/{in_path(job_id)}")


def jobs(cursor: str | None, *, state: str | None, code: str | None, folder_id: str | None) -> Call[Json]:
    """Ask for a page of jobs."""
    return get("/api/jobs", state=state, code=code, folderId=folder_id, cursor=cursor, limit=_JOBS_A_PAGE)


def move(job_id: str, verb: str) -> Call[Json]:
    """Retry or cancel a job."""
    return post(f"/api/jobs/{in_path(job_id)}/{verb}")


def move_all(verb: str, selection: Json) -> Call[Json]:
    """Retry or cancel up to a thousand jobs."""
    return post(f"/api/jobs/{verb}", selection)


def failures() -> Call[Json]:
    """Ask for the failed jobs, grouped by code."""
    return get("/api/failures")


def photo(photo_id: str) -> Call[Json]:
    """Ask for a photo."""
    return get(f"/api/photos/{in_path(photo_id)}")


def photo_of_source(source: str) -> Call[Json | None]:
    """Ask for the photo at an address."""
    return Call(
        method="GET",
        path="/api/photos",
        params={"source": source},
        read=lambda reply: next(iter(reply["photos"]), None),
    )


def thumbnails(photo: Json) -> dict[str, str]:
    """Return the addresses of a photo's thumbnails, by the names of their specs."""
    return {one["name"]: one["url"] for one in photo["renditions"]}


def folder_path(folder_id: str) -> str:
    """Return a folder's path."""
    return f"/api/folders/{in_path(folder_id)}"


# --- the service


def pause(reason: str | None) -> Call[Json]:
    """Pause the queue."""
    return post("/api/queue/pause", given(reason=reason))


def now(path: str) -> Call[Json]:
    """Ask how the service is at this moment."""
    return Call(method="GET", path=path, read=_whole, again=Again.NEVER)


def quarantined() -> Call[list[Json]]:
    """Ask for the messages in quarantine."""
    return Call(method="GET", path="/api/quarantine", read=_part("messages"))


def quarantined_message(message_id: str) -> Call[Json]:
    """Ask for one message in quarantine."""
    return get(f"/api/quarantine/{in_path(message_id)}")


def drop_quarantined(message_id: str) -> Call[Json]:
    """Delete a message from quarantine."""
    path = f"/api/quarantine/{in_path(message_id)}"
    return Call(method="DELETE", path=path, read=_whole, again=Again.IF_NOT_TAKEN)  # a second one finds nothing


def webhooks() -> Call[list[Json]]:
    """Ask for the endpoints of webhooks."""
    return Call(method="GET", path="/api/webhooks", read=_part("endpoints"))


def retry_webhooks() -> Call[list[Json]]:
    """Try every delivery of webhooks again."""
    return Call(method="POST", path="/api/webhooks/retry", read=_part("endpoints"))


def in_path(text: str) -> str:
    """Return a text as a part of a path, or raise NotText."""
    try:
        return quote(text, safe="")
    except UnicodeEncodeError as error:
        raise not_text(error) from error


def not_text(error: UnicodeEncodeError) -> NotText:
    """Return what is wrong with a text that is not UTF-8."""
    around = error.object[max(0, error.start - 60) : error.end + 20]
    return NotText(f"{around!a} cannot be sent: it is not UTF-8")


# --- backfills


def upload_low(names: Sequence[str], photos: Sequence[Path], folder_id: str) -> Call[list[Json]]:
    """Upload photos with these names in one request, at LOW priority."""
    return replace(upload(photos, folder_id), names=names, params={"priority": "LOW"})


def photos_of_folder(folder_id: str, cursor: str | None) -> Call[Json]:
    """Ask for a page of a folder's photos."""
    return get("/api/photos", folderId=folder_id, cursor=cursor, limit=_PHOTOS_A_PAGE)


def begin_backfill(source: str, options: Mapping[str, Any]) -> Call[Json]:
    """Begin a backfill. It is repeated only if the service cannot have begun it."""
    begin = post("/api/backfills", {"source": source} | given(**options))
    return replace(begin, again=Again.IF_NOT_TAKEN)


def backfills() -> Call[list[Json]]:
    """Ask for the newest backfills."""
    return Call(method="GET", path="/api/backfills", read=_part("backfills"))


def backfill(backfill_id: str) -> Call[Json]:
    """Ask for a backfill."""
    return get(f"/api/backfills/{in_path(backfill_id)}")


def move_backfill(backfill_id: str, move: str) -> Call[Json]:
    """Pause, resume or cancel a backfill."""
    return post(f"/api/backfills/{in_path(backfill_id)}/{move}")


def export(cursor: str) -> Call[Json]:
    """Ask for a page of all photos."""
    return get("/api/export/photos", cursor=cursor, limit=_PHOTOS_A_PAGE)
