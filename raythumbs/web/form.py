"""Parses a multipart form into events while it arrives. It keeps no data and waits for nothing."""

import re
from dataclasses import dataclass
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from raythumbs.errors import BadRequest
from raythumbs.web.disposition import names_of

_HEADER_BYTES = 16 * 1024
_BOUNDARY_BYTES = 2 + 2 + 256 + 2  # with the ends of lines around it; the parser takes no longer one
_PREAMBLE_BYTES = 16 * 1024
_AS_IT_IS = {b"7bit", b"8bit", b"binary", b""}  # RFC 7578, section 4.7: no encoding is to be used


@dataclass(frozen=True, slots=True)
class PartBegun:
    """A field begins. A file may have a name, which is data and never used as a path."""

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
        self._preamble: bytearray | None = bytearray(b"\r\n")  # until the first boundary, which begins a line
        self._boundary = re.compile(rb"\r\n--" + re.escape(options[b"boundary"]) + rb"(?=\r\n|--)")
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
        if self._preamble is not None:
            data = self._after_preamble(data)
        if not data:
            return self._events
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise BadRequest(f"the multipart body is broken: {error}") from error
        return self._events

    def finish(self) -> None:
        """Raise BadRequest if the end of the form is missing."""
        if self._preamble is not None:
            raise BadRequest("the multipart body has no part: the boundary of its Content-Type does not come")
        if self._open:
            raise BadRequest("the multipart body ended before its last boundary")

    def _after_preamble(self, data: bytes) -> bytes:
        """Return what follows the preamble (RFC 2046, section 5.1.1), which says nothing, as far as it has come."""
        assert self._preamble is not None  # noqa: S101 it is asked for before
        searched = max(0, len(self._preamble) - _BOUNDARY_BYTES)
        self._preamble += data
        if begun := self._boundary.search(self._preamble, searched, _PREAMBLE_BYTES + _BOUNDARY_BYTES):
            data = bytes(self._preamble[begun.start() + len(b"\r\n") :])
            self._preamble = None
            return data
        if len(self._preamble) > _PREAMBLE_BYTES:
            raise BadRequest("the multipart body does not begin with the boundary of its Content-Type")
        return b""

    def _grow(self, text: bytearray, more: bytes) -> None:
        text += more
        if len(text) > _HEADER_BYTES:
            raise BadRequest(f"a part's header has more than {_HEADER_BYTES} bytes")

    def _header_ended(self) -> None:
        name, value = self._header
        self._headers[bytes(name).lower()] = bytes(value)
        self._header = (bytearray(), bytearray())

    def _begun(self) -> None:
        field, file_name = names_of(self._headers.get(b"content-disposition", b""))
        if field is None:
            raise BadRequest("a part of the form has no name")
        encoding = self._headers.get(b"content-transfer-encoding", b"binary").strip().lower()
        if encoding not in _AS_IT_IS:
            raise BadRequest(f"the part {field!r} is encoded as {encoding[:40]!r}: send its bytes as they are")
        self._events.append(PartBegun(field, file_name))

    def _ended(self) -> None:
        self._open = False
