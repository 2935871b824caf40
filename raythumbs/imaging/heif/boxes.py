"""Walks the boxes of a file (ISOBMFF, 4.2)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from os import SEEK_END
from struct import unpack
from typing import BinaryIO

_IS_LONG = 1  # as a box's size: the true size follows in 64 bits
_WITH_BOXES = {  # boxes that hold boxes, after so many bytes
    b"moov": 0,
    b"trak": 0,
    b"mdia": 0,
    b"minf": 0,
    b"stbl": 0,
    b"meta": 4,
    b"iprp": 0,
}


@dataclass(frozen=True, slots=True)
class Box:
    """A box's kind, and the places in the file where its head and its content start and where it ends.

    If it is cut, it ends where the file or the box around it ends, and claims to be longer.
    """

    kind: bytes
    start: int
    content: int
    end: int
    is_cut: bool


def is_boxes(file: BinaryIO) -> bool:
    """Return whether the file begins as every file of boxes does."""
    file.seek(4)
    return file.read(4) == b"ftyp"


def size_of(file: BinaryIO) -> int:
    """Return the number of the file's bytes."""
    return file.seek(0, SEEK_END)


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """Give the boxes between two places, not the boxes in them. Raises struct.error if a box's head is cut."""
    while start < end:
        box = _box(file, start, end)
        yield box
        start = box.end


def top_boxes(file: BinaryIO) -> Iterator[Box]:
    """Give the boxes that are in no other box, up to the first one whose head is cut."""
    try:
        yield from boxes(file, 0, size_of(file))
    except struct.error:
        return


def all_boxes(file: BinaryIO) -> Iterator[Box]:
    """Give every box of the file, also boxes in boxes. The file is at the box's content."""
    ranges = [(0, size_of(file))]
    while ranges:
        start, end = ranges.pop()
        if start >= end:
            continue
        try:
            box = _box(file, start, end)
        except struct.error:  # the head is cut
            continue
        yield box
        ranges.append((box.end, end))
        if box.kind in _WITH_BOXES:
            ranges.append((box.content + _WITH_BOXES[box.kind], box.end))


def _box(file: BinaryIO, start: int, end: int) -> Box:
    file.seek(start)
    size, kind = unpack(">I4s", file.read(8))
    content = start + 8
    if size == _IS_LONG:
        [size] = unpack(">Q", file.read(8))
        content += 8
    claimed = start + size if start + size >= content else end  # a size of 0: to the end
    return Box(kind, start, content, min(claimed, end), is_cut=claimed > end)
