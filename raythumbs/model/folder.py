"""Folders: what groups photos, and how many of its photos are done."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from raythumbs.model.source import Source, is_storable

FOLDER_BYTES = 1024  # of a folder's id in UTF-8: as long as a key of S3
_BROWSER_UPLOADS = re.compile(r"(?:(?P<folder>[^/]+)/)?[A-Za-z0-9_-]{43}")  # 43 letters hold 32 random bytes as base64


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """How many photos of a folder there are, by what became of them. Deleted photos do not count.

    `waiting` photos are queued or running. `ended_at` is when a job of the folder last ended, in UTC seconds.
    """

    id: str
    total: int
    waiting: int
    failed: int
    cancelled: int
    ended_at: float | None

    @property
    def succeeded(self) -> int:
        """How many photos have their thumbnails."""
        return self.total - self.waiting - self.failed - self.cancelled

    @property
    def done_at(self) -> float | None:
        """When the last photo was done; None while one waits, and while there is none."""
        return self.ended_at if self.total and not self.waiting else None

    def is_done(self, *, photos: int) -> bool:
        """Return whether at least so many photos are there and none of them waits."""
        return self.total >= photos and not self.waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderRule:
    """Finds the folder of a photo that nobody has named a folder for.

    It is the part of the key before the last slash, or the first `depth` names of it. A photo that a browser uploaded
    straight to the bucket, below the address `browser_uploads`, has the folder that its key was made for. Direct
    uploads, below the address `direct_uploads`, have none.
    """

    depth: int | None
    browser_uploads: str
    direct_uploads: str

    def of(self, address: str) -> str | None:
        """Return the folder of the photo at an address, or None if it has none."""
        if address.startswith(self.direct_uploads):
            return None
        if address.startswith(self.browser_uploads):
            key = _BROWSER_UPLOADS.fullmatch(address.removeprefix(self.browser_uploads))
            if key and not key["folder"]:
                return None
            if key and is_storable(folder := unquote(key["folder"])):  # else nobody was given that key by the service
                return folder
        names = Source.parse(address).key.split("/")[:-1]
        return "/".join(names[: self.depth]) or None


def browser_upload_key(folder_id: str | None, token: str) -> str:
    """Return the key for an upload straight to the bucket, relative to where such uploads go.

    The folder is escaped, so that it is one name without dots, whatever a store makes of `..`.
    """
    return f"{quote(folder_id, safe='').replace('.', '%2E')}/{token}" if folder_id else token
