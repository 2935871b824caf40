"""Writes a TIFF of any kind: samples as they are, packed by imagecodecs. The matrix reads it back with tifffile."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from typing import Any

import imagecodecs
import numpy as np

CODES: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "none": (1, bytes),
    "lzw": (5, imagecodecs.lzw_encode),
    "deflate": (8, imagecodecs.zlib_encode),
    "old deflate": (32946, imagecodecs.zlib_encode),
    "packbits": (32773, imagecodecs.packbits_encode),
    "lzma": (34925, partial(imagecodecs.lzma_encode, level=0)),  # level 6 clears 64 MB for each block
    "zstd": (50000, imagecodecs.zstd_encode),
}
PLAIN, DIFFERENCES, FLOAT_DIFFERENCES = 1, 2, 3
_FORMATS = {"u": 1, "i": 2, "f": 3}
_TYPES = {"H": 3, "I": 4, "Q": 16}


@dataclass(frozen=True, kw_only=True)
class Tiff:
    """How to write samples: `block` is the rows of a strip, or the width and height of a tile."""

    photometric: int
    bits: int
    code: str = "none"
    predictor: int = PLAIN
    separate: bool = False
    order: str = "<"
    big: bool = False
    block: int | tuple[int, int] = 1 << 16
    extra: tuple[int, ...] = ()
    fill_order: int = 1
    tags: dict[int, tuple[str, list[int]]] = field(default_factory=dict)

    def of(self, samples: np.ndarray) -> bytes:
        """The file of these samples (row, column, channel)."""
        height, width, channels = samples.shape
        blocks = [self._bytes(block) for block in self._blocks(samples)]
        return self.of_blocks(blocks, (width, height), channels, _FORMATS[samples.dtype.kind])

    def of_blocks(self, blocks: list[bytes], size: tuple[int, int], channels: int, kind: int = 1) -> bytes:
        """The file of these strips or tiles, which are not packed yet."""
        width, height = size
        number, encode = CODES[self.code]
        parts = [self._in_fill_order(encode(block)) for block in blocks]
        tiled = isinstance(self.block, tuple)
        tags: dict[int, tuple[str, list[int]]] = {
            256: ("I", [width]),
            257: ("I", [height]),
            258: ("H", [self.bits] * channels),
            259: ("H", [number]),
            262: ("H", [self.photometric]),
            266: ("H", [self.fill_order]),
            277: ("H", [channels]),
            284: ("H", [2 if self.separate else 1]),
            317: ("H", [self.predictor]),
            339: ("H", [kind] * channels),
            **({338: ("H", list(self.extra))} if self.extra else {}),
            **self._places(parts, min(height, self.block) if isinstance(self.block, int) else 0),
            **self.tags,
        }
        assert tiled == (322 in tags)
        return self.of_parts(parts, tags)

    def _places(self, parts: list[bytes], rows: int) -> dict[int, tuple[str, list[int]]]:
        word = "Q" if self.big else "I"
        first = 16 if self.big else 8
        sizes = [len(part) for part in parts]
        offsets = list(accumulate(sizes[:-1], initial=first))
        if isinstance(self.block, tuple):
            width, height = self.block
            return {322: ("I", [width]), 323: ("I", [height]), 324: (word, offsets), 325: (word, sizes)}
        return {273: (word, offsets), 278: ("I", [rows]), 279: (word, sizes)}

    def _blocks(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        height, width, channels = samples.shape
        across, down = self.block if isinstance(self.block, tuple) else (width, min(height, self.block))
        for plane in np.split(samples, channels, axis=2) if self.separate else [samples]:
            for y in range(0, height, down):
                for x in range(0, width, across):
                    block = plane[y : y + down, x : x + across]
                    if isinstance(self.block, tuple):
                        block = np.pad(block, ((0, down - block.shape[0]), (0, across - block.shape[1]), (0, 0)))
                    yield block

    def _bytes(self, block: np.ndarray) -> bytes:
        return self._packed(block) if self.bits not in {8, 16, 32, 64} else self._whole(block)

    def _in_fill_order(self, data: bytes) -> bytes:
        return bytes(imagecodecs.bitorder_encode(data)) if self.fill_order == 2 else bytes(data)

    def _packed(self, block: np.ndarray) -> bytes:
        shifts = np.arange(self.bits - 1, -1, -1, dtype=np.uint32)
        rows = (row.reshape(-1, 1).astype(np.uint32) >> shifts & 1 for row in block)
        return b"".join(np.packbits(bits.astype(np.uint8)).tobytes() for bits in rows)

    def _whole(self, block: np.ndarray) -> bytes:
        ordered = np.ascontiguousarray(block.astype(block.dtype.newbyteorder(self.order)))
        match self.predictor:
            case 1:
                return ordered.tobytes()
            case 2:
                whole = np.ascontiguousarray(block).view(f"u{block.dtype.itemsize}")
                changes = np.diff(whole, axis=1, prepend=np.zeros_like(whole[:, :1]))
                return changes.astype(changes.dtype.newbyteorder(self.order)).tobytes()
            case _:
                native = np.ascontiguousarray(block)
                return bytes(imagecodecs.floatpred_encode(native, axis=-2))

    def of_parts(self, parts: list[bytes], tags: dict[int, tuple[str, list[int]]]) -> bytes:
        """The file of parts that lie as they are behind the head, and of these tags alone."""
        order, word = self.order, "Q" if self.big else "I"
        head_size = 16 if self.big else 8
        body = b"".join(parts)
        at = head_size + len(body)
        mark = {"<": b"II", ">": b"MM"}[order]
        head = (
            mark + struct.pack(order + "HHHQ", 43, 8, 0, at) if self.big else mark + struct.pack(order + "HI", 42, at)
        )
        return head + body + self._directory(tags, at, word)

    def _directory(self, tags: dict[int, tuple[str, list[int]]], at: int, word: str) -> bytes:
        count, room = ("Q", 8) if self.big else ("H", 4)
        behind_at = at + struct.calcsize(count) + len(tags) * (4 + 2 * room) + room
        entries, behind = b"", b""
        for tag, (kind, values) in sorted(tags.items()):
            packed = struct.pack(f"{self.order}{len(values)}{kind}", *values)
            if len(packed) > room:
                place, behind = behind_at + len(behind), behind + packed
                packed = struct.pack(self.order + word, place)
            entries += struct.pack(f"{self.order}HH{word}", tag, _TYPES[kind], len(values)) + packed.ljust(room, b"\0")
        return struct.pack(self.order + count, len(tags)) + entries + bytes(room) + behind


def described(tiff: Tiff) -> str:
    """What differs from the plainest file."""
    plain: dict[str, Any] = vars(Tiff(photometric=-1, bits=-1))
    return ", ".join(f"{name}={value}" for name, value in vars(tiff).items() if value != plain[name] and name != "tags")
