"""Direct uploads: writes each file to the store while its bytes arrive."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import BinaryIO

from raythumbs.errors import BadRequest, BodyTooLarge, EmptyFile
from raythumbs.model.ids import new_id
from raythumbs.model.job import JobRequest, Priority
from raythumbs.settings import ORIGINALS
from raythumbs.web.bodies import storable
from raythumbs.web.dependencies import Dependencies
from raythumbs.web.form import FormReader, PartBegun, PartData, PartEnded
from raythumbs.web.held import MESSAGE_BYTES
from raythumbs.web.upload_room import UploadRoom

FILES_A_REQUEST = 1000
_TEXT_BYTES = 1024  # of a file's name, and of a folder's id


@dataclass(slots=True)
class _Incoming:
    """A file that is arriving. `write`, `keep` and `drop` block, so they run in a thread."""

    request: JobRequest
    kept_by: AbstractContextManager[BinaryIO]
    file: BinaryIO | None = None
    size_bytes: int = 0
    waiting: list[bytes] = field(default_factory=list)
    waiting_bytes: int = 0

    def write(self) -> None:
        """Write the collected bytes."""
        if self.file is None:
            self.file = self.kept_by.__enter__()
        self.file.writelines(self.waiting)
        self.waiting, self.waiting_bytes = [], 0

    def keep(self) -> None:
        """Write the rest, and store the file."""
        self.write()
        self.file = None
        self.kept_by.__exit__(None, None, None)

    def drop(self, error: BaseException) -> None:
        """Discard the file because of this error. Raise the store's own error if it has one, as for a full disk."""
        if self.file is not None:
            try:
                self.kept_by.__exit__(type(error), error, error.__traceback__)
            except BaseException as raised:
                if raised is not error:
                    raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an address of an upload says: the only folder that its form may name, if any, and the largest photo."""

    folder_id: str | None
    max_bytes: int


class Upload:
    """The files of one request on their way to the store. Either all are kept, or none."""

    def __init__(self, deps: Dependencies, room: UploadRoom, content_type: str, terms: Terms) -> None:
        self._deps = deps
        self._room = room
        self._form = FormReader(content_type)
        self._terms = terms
        self._folder_id = terms.folder_id
        self._text: bytearray | None = None
        self._incoming: _Incoming | None = None
        self._kept: list[JobRequest] = []

    async def receive(self, body: AsyncIterator[bytes]) -> list[JobRequest]:
        """Store every file of the body, and return the requests to enqueue. A single photo gets HIGH priority."""
        with self._room.arriving():
            try:
                async for chunk in body:
                    await self._take(chunk)
                self._form.finish()
                if not self._kept:
                    raise BadRequest("the form has no file: curl -F file=@photo.jpg")  # noqa: TRY301 undone below like any other error
            except BaseException as error:
                await asyncio.shield(self._abandon(error))
                raise
        priority = Priority.HIGH if len(self._kept) == 1 else Priority.NORMAL
        return [replace(request, priority=priority, folder_id=self._folder_id) for request in self._kept]

    async def undo(self) -> None:
        """Delete every file that was stored, or was about to be."""
        for request in self._kept:
            await self._room.keep(partial(self._deps.originals.delete, _key(request.photo_id)))

    async def _take(self, chunk: bytes) -> None:
        for event in self._form.feed(chunk):
            match event:
                case PartBegun("file", name):
                    self._begin(name)
                case PartBegun("folderId", None):
                    self._text = bytearray()
                case PartBegun(field, _):
                    raise BadRequest(
                        f"the form has a field {field!r}; it may have files named `file` and a text `folderId`"
                    )
                case PartData(data) if self._incoming:
                    await self._grow(self._incoming, data)
                case PartData(data) if self._text is not None:
                    self._text += data
                    if len(self._text) > _TEXT_BYTES:
                        raise BadRequest(f"folderId has more than {_TEXT_BYTES} bytes")
                case PartEnded() if self._incoming:
                    await self._keep(self._incoming)
                case PartEnded() if self._text is not None:
                    self._name_folder(storable(self._text.decode(errors="replace")))
                    self._text = None

    def _name_folder(self, folder_id: str) -> None:
        if self._terms.folder_id not in {None, folder_id}:
            raise BadRequest("the form has another folderId than its address")
        self._folder_id = folder_id

    def _begin(self, name: str | None) -> None:
        if len(self._kept) == FILES_A_REQUEST:
            raise BadRequest(f"the form has more than {FILES_A_REQUEST} files")
        if name and len(name.encode(errors="replace")) > _TEXT_BYTES:
            raise BadRequest(f"the file's name has more than {_TEXT_BYTES} bytes")
        now = self._deps.now()
        photo_id = new_id(now=now)
        request = JobRequest(
            job_id=new_id(now=now),
            photo_id=photo_id,
            source=self._deps.settings.store_uri + _key(photo_id),
            priority=Priority.NORMAL,
            file_name=None if name is None else storable(name),
        )
        self._incoming = _Incoming(request, self._deps.originals.create(_key(photo_id), "application/octet-stream"))

    async def _grow(self, incoming: _Incoming, data: bytes) -> None:
        incoming.size_bytes += len(data)
        if incoming.size_bytes > self._terms.max_bytes:
            raise BodyTooLarge(f"a photo has at most {self._terms.max_bytes} bytes")
        incoming.waiting.append(data)
        incoming.waiting_bytes += len(data) + MESSAGE_BYTES
        if incoming.waiting_bytes >= self._room.share_bytes:
            await self._room.write(incoming.write)

    async def _keep(self, incoming: _Incoming) -> None:
        if not incoming.size_bytes:
            raise EmptyFile(f"the file {incoming.request.file_name or '(without a name)'!r} is empty")
        self._kept.append(
            replace(incoming.request, size_bytes=incoming.size_bytes)
        )  # before it is stored, so that `undo` deletes it in any case
        await self._room.keep(incoming.keep)
        self._incoming = None

    async def _abandon(self, error: BaseException) -> None:
        try:
            if self._incoming and self._incoming.file:
                await self._room.keep(partial(self._incoming.drop, error))
        finally:
            await self.undo()


def _key(photo_id: str) -> str:
    return f"{ORIGINALS}{photo_id[-2:]}/{photo_id}"
