"""Parses a multipart form into events while it arrives. It keeps no data and waits for nothing."""

from dataclasses import dataclass
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from raythumbs.errors import BadRequest

_HEADER_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class PartBegun:
    """A field begins. A file has a name, which is data and never used as a path."""

    field: str
    file_name: str | None


@dataclass(frozen=True, slots=True)
class PartData:
    """Some bytes of the field that began last."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PartEnded:
    """The field that began last is complete."""


FormEvent = PartBegun | PartData | PartEnded


class FormReader:
    """Reads `multipart/form-data` (RFC 7578); raises BadRequest for anything else."""

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise BadRequest("send the photo as multipart/form-data: curl -F file=@photo.jpg -F folderId=...")
        self._events: list[FormEvent] = []
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._headers: dict[bytes, bytes] = {}
        self._open = True
        callbacks: Any = {
            "on_part_begin": self._headers.clear,
            "on_header_field": lambda data, start, end: self._grow(self._header[0], data[start:end]),
            "on_header_value": lambda data, start, end: self._grow(self._header[1], data[start:end]),
            "on_header_end": self._header_ended,
            "on_headers_finished": self._begun,
            "on_part_data": lambda data, start, end: self._events.append(PartData(data[start:end])),
            "on_part_end": lambda: self._events.append(PartEnded()),
            "on_end": self._ended,
        }
        try:
            self._parser = MultipartParser(options[b"boundary"], callbacks)
        except FormParserError as error:  # it is too long
            raise BadRequest(f"the multipart boundary is not accepted: {error}") from error

    def feed(self, data: bytes) -> list[FormEvent]:
        """Return the events of these bytes."""
        self._events = []
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise BadRequest(f"the multipart body is broken: {error}") from error
        return self._events

    def finish(self) -> None:
        """Raise BadRequest if the end of the form is missing."""
        if self._open:
            raise BadRequest("the multipart body ended before its last boundary")

    def _grow(self, text: bytearray, more: bytes) -> None:
        text += more
        if len(text) > _HEADER_BYTES:
            raise BadRequest(f"a part's header has more than {_HEADER_BYTES} bytes")

    def _header_ended(self) -> None:
        name, value = self._header
        self._headers[bytes(name).lower()] = bytes(value)
        self._header = (bytearray(), bytearray())

    def _begun(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if b"name" not in options:
            raise BadRequest("a part of the form has no name")
        name = options.get(b"filename")
        field = options[b"name"].decode(errors="replace")
        self._events.append(PartBegun(field, None if name is None else name.decode(errors="replace")))

    def _ended(self) -> None:
        self._open = False
