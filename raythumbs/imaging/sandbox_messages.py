"""The messages between a sandbox and its child process. They go over one socket.

1. The sandbox sends its orders once: the specs and the limits, as JSON. The child answers with `READY`, its fences as
   JSON, and the descriptor with which the sandbox names refused system calls, if the kernel has it.
2. For each photo the sandbox sends a number of seconds in two bytes, a bit for each spec that is wanted, and the
   descriptor of the photo's file.
3. For each photo the child answers in JSON. The bytes of the renditions follow.

Four bytes before each JSON text are its length. A photo's bytes are not copied. Nothing that the child sends is
executed, and each value has a bound: beyond it, ValueError is raised.
"""

import json
import math
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, BinaryIO

from raythumbs import errors
from raythumbs.errors import BadPicture, NeedsMemory
from raythumbs.imaging.confinement import Confined, Fence
from raythumbs.imaging.limits import Limits
from raythumbs.imaging.render import Rendered, RenderedSpec
from raythumbs.model.photo import Fit, Format, RenditionSpec

READY = b"r"
_LENGTH_BYTES = 4
_SECONDS_BYTES = 2
_MOST_SECONDS = 0xFFFF
_ANSWER_BYTES = 64 * 1024  # of the JSON, which describes few renditions
_RENDITION_BYTES = 256 * 1024 * 1024
_MEMORY_BYTES = 1 << 50
_SIDE_PIXELS = 1 << 30
_SECONDS = 1 << 20
_THUMB_HASH_BYTES = 32
_REASON_LETTERS, _NOTE_LETTERS, _FORMAT_LETTERS = 1000, 200, 16
_NOTES = 10
_BAD_PICTURES = {
    kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BadPicture)
}


# --- the sandbox's side


def encode_orders(specs: Sequence[RenditionSpec], limits: Limits) -> bytes:
    """Return the message with the specs and the limits of all photos."""
    return _with_length({"specs": [asdict(spec) for spec in specs], "limits": asdict(limits)})


def receive_ready(line: socket.socket, until: float) -> Confined:
    """Return how the child is confined, until a time of the monotonic clock. Raises OSError if it does not start."""
    line.settimeout(max(1e-3, until - time.monotonic()))
    ready, descriptors, _, _ = socket.recv_fds(line, len(READY), 1)
    if not ready:
        raise ConnectionError("the line was closed")
    size = int.from_bytes(receive(line, _LENGTH_BYTES, until), "big")
    fences = json.loads(receive(line, min(size, _ANSWER_BYTES), until))
    return Confined(tuple(Fence(**fence) for fence in fences), descriptors[0] if descriptors else None)


def send_photo(line: socket.socket, file: BinaryIO, *, seconds: float, wanted: Sequence[bool]) -> None:
    """Send a photo that may take so many seconds. `wanted` says of each spec whether its rendition is to be made."""
    bits = sum(1 << number for number, is_wanted in enumerate(wanted) if is_wanted)
    message = min(math.ceil(seconds), _MOST_SECONDS).to_bytes(_SECONDS_BYTES, "big")
    socket.send_fds(line, [message + bits.to_bytes(_bits_bytes(len(wanted)), "big")], [file.fileno()])


def receive_answer(line: socket.socket, specs: Sequence[RenditionSpec], until: float) -> tuple[Rendered, float]:
    """Return a rendered photo and the CPU seconds that it took, until a time of the monotonic clock.

    Raises the BadPicture or NeedsMemory that the child reports; TimeoutError; ConnectionError if the child ends; and
    ValueError, TypeError, LookupError, ArithmeticError or RecursionError for an answer that makes no sense.
    """
    size = int.from_bytes(receive(line, _LENGTH_BYTES, until), "big")
    answer = json.loads(receive(line, min(size, _ANSWER_BYTES), until))
    _raise_refusal(answer)
    renditions = tuple(
        RenderedSpec(
            spec,
            _bounded(r["width"], _SIDE_PIXELS),
            _bounded(r["height"], _SIDE_PIXELS),
            receive(line, _bounded(r["bytes"], _RENDITION_BYTES), until),
        )
        for spec, r in zip(specs, answer["renditions"], strict=True)
    )
    rendered = Rendered(
        _bounded(answer["width"], _SIDE_PIXELS),
        _bounded(answer["height"], _SIDE_PIXELS),
        _text(answer["format"], _FORMAT_LETTERS),
        renditions,
        bytes.fromhex(answer["thumb_hash"])[:_THUMB_HASH_BYTES],
        tuple(_text(note, _NOTE_LETTERS) for note in answer["notes"][:_NOTES]),
        _seconds(answer["decode"]),
    )
    return rendered, _seconds(answer["cpu"])


def receive(line: socket.socket, size: int, until: float | None = None) -> bytes:
    """Return so many bytes, until a time of the monotonic clock.

    Raises TimeoutError. If the other side closes the socket, raises ConnectionError, or EOFError where there is no
    `until`.
    """
    data = bytearray(size)
    view = memoryview(data)
    while view:
        if until is not None:
            line.settimeout(max(1e-3, until - time.monotonic()))
        count = line.recv_into(view)
        if count == 0:
            raise EOFError if until is None else ConnectionError("the line was closed")
        view = view[count:]
    return bytes(data)


def _raise_refusal(answer: Any) -> None:  # noqa: ANN401 from the child, it may be of any type
    if "needed_bytes" in answer:
        raise NeedsMemory(_text(answer["reason"], _REASON_LETTERS), _bounded(answer["needed_bytes"], _MEMORY_BYTES))
    if "code" in answer:
        raise _BAD_PICTURES[answer["code"]](_text(answer["reason"], _REASON_LETTERS))


def _bounded(value: Any, most: int) -> int:  # noqa: ANN401 from the child, it may be of any type
    if not 0 < int(value) <= most:
        raise ValueError(f"{value} is not from 1 to {most}")
    return int(value)


def _text(value: Any, most: int) -> str:  # noqa: ANN401 from the child, it may be of any type
    """Return text that every database accepts."""
    return str(value)[:most].encode("utf-8", "replace").decode().replace("\0", "")


def _seconds(value: Any) -> float:  # noqa: ANN401 from the child, it may be of any type
    seconds = float(value)
    if not 0 <= seconds < _SECONDS:
        raise ValueError(f"{seconds} seconds for a photo")
    return seconds


# --- the child's side


def receive_orders(line: socket.socket) -> tuple[list[RenditionSpec], Limits]:
    """Return the specs and the limits of all photos. Raises EOFError if the sandbox closes the socket."""
    orders = json.loads(receive(line, int.from_bytes(receive(line, _LENGTH_BYTES), "big")))
    return [_spec(fields) for fields in orders["specs"]], Limits(**orders["limits"])


def send_ready(line: socket.socket, confined: Confined) -> None:
    """Say that the child is ready, and how it is confined. Closes the descriptor that is for the sandbox alone."""
    message = READY + _with_length([asdict(fence) for fence in confined.fences])
    if confined.listener is None:
        line.sendall(message)
        return
    socket.send_fds(line, [message], [confined.listener])
    os.close(confined.listener)


@contextmanager
def next_photo(
    line: socket.socket, specs: Sequence[RenditionSpec]
) -> Iterator[tuple[BinaryIO, int, list[RenditionSpec]]]:
    """Receive the next photo: its file, which is closed at the end of the block, its seconds, and the wanted specs.

    Raises EOFError if the sandbox closes the socket.
    """
    message, descriptors, _, _ = socket.recv_fds(line, _SECONDS_BYTES + _bits_bytes(len(specs)), 1)
    if not message:
        raise EOFError
    bits = int.from_bytes(message[_SECONDS_BYTES:], "big")
    with os.fdopen(descriptors[0], "rb") as file:
        wanted = [spec for number, spec in enumerate(specs) if bits >> number & 1]
        yield file, int.from_bytes(message[:_SECONDS_BYTES], "big"), wanted


def encode_answer(rendered: Rendered, *, cpu_seconds: float) -> bytes:
    """Return the message with a rendered photo."""
    sizes = [{"width": r.width, "height": r.height, "bytes": len(r.data)} for r in rendered.renditions]
    head = _with_length(
        {
            "width": rendered.width,
            "height": rendered.height,
            "format": rendered.format,
            "thumb_hash": rendered.thumb_hash.hex(),
            "notes": rendered.notes,
            "renditions": sizes,
            "cpu": cpu_seconds,
            "decode": rendered.decode_seconds,
        }
    )
    return head + b"".join(r.data for r in rendered.renditions)


def encode_refusal(error: BadPicture | NeedsMemory) -> bytes:
    """Return the message for a photo that is refused."""
    if isinstance(error, NeedsMemory):
        return _with_length({"needed_bytes": error.needed_bytes, "reason": error.reason})
    return _with_length({"code": error.code, "reason": error.reason})


def _bits_bytes(count: int) -> int:
    return -(-count // 8)


def _with_length(content: object) -> bytes:
    text = json.dumps(content).encode()
    return len(text).to_bytes(_LENGTH_BYTES, "big") + text


def _spec(fields: dict[str, Any]) -> RenditionSpec:
    fit, file_format, (across, down) = Fit(fields["fit"]), Format(fields["format"]), fields["focus"]
    return RenditionSpec(**fields | {"fit": fit, "format": file_format, "focus": (across, down)})
