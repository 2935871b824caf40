"""Writes a JPEG of any coefficients, sampling, steps of quantisation and restarts, so that a test knows the pixels."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from math import ceil

import numpy as np

ZIGZAG = sorted(np.ndindex(8, 8), key=lambda at: (sum(at), at[0] if sum(at) % 2 else at[1]))
_COMMON_BITS = range(2, 9)  # of the codes of the most frequent symbols; the others have 10 to 16


@dataclass(frozen=True)
class Component:
    """Sampling factors, the steps in zigzag order, and the coefficients: (rows of blocks, blocks, 64 in zigzag order).

    The blocks fill whole MCUs.
    """

    across: int
    down: int
    steps: Sequence[int]
    coefficients: np.ndarray


@dataclass(frozen=True)
class Jpeg:
    """A picture of this size in pixels, with a restart after so many MCUs (0 for none)."""

    width: int
    height: int
    components: Sequence[Component]
    restart: int = 0
    application_data: bytes = b""

    @property
    def mcus(self) -> tuple[int, int]:
        """The number of rows of MCUs, and of MCUs in each."""
        return mcus(self.width, self.height, self.components)

    def written(self) -> bytes:
        """The file."""
        segments = [list(segment) for segment in self._segments()]
        counts = [Counter(), Counter()]
        for is_ac, symbol, *_ in chain(*segments):
            counts[is_ac][symbol] += 1
        codes = [_codes(one) for one in counts]
        coded = [_packed("".join(codes[is_ac][one] + bits for is_ac, one, bits in segment)) for segment in segments]
        data = b"".join(part + bytes([0xFF, 0xD0 + n % 8]) for n, part in enumerate(coded[:-1])) + coded[-1]
        tables = b"".join(_table(n, codes[n]) for n in (0, 1))
        return b"\xff\xd8" + self.application_data + self._frame() + tables + self._scan() + data + b"\xff\xd9"

    def _segments(self) -> Iterator[Iterator[tuple[int, int, str]]]:
        rows, across = self.mcus
        places = [(row, column) for row in range(rows) for column in range(across)]
        size = self.restart or len(places)
        for start in range(0, len(places), size):
            yield self._symbols(places[start : start + size])

    def _symbols(self, places: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, str]]:
        """Each symbol (T.81, F.1.2): whether it is of AC, the symbol, and the bits behind it."""
        before = [0] * len(self.components)
        for row, column in places:
            for n, one in enumerate(self.components):
                across, down = (one.across, one.down) if len(self.components) > 1 else (1, 1)  # T.81, A.2.2
                for y, x in np.ndindex(down, across):
                    block = one.coefficients[row * down + y, column * across + x].tolist()
                    yield 0, *_sized(block[0] - before[n])
                    before[n] = block[0]
                    yield from _ac(block)

    def _frame(self) -> bytes:
        parts = [_segment(0xDB, bytes([0x10 + n]) + np.array(one.steps, ">u2").tobytes())
                 for n, one in enumerate(self.components)]  # fmt: skip
        listed = b"".join(bytes([n + 1, one.across << 4 | one.down, n]) for n, one in enumerate(self.components))
        head = b"\x08" + self.height.to_bytes(2, "big") + self.width.to_bytes(2, "big") + bytes([len(self.components)])
        parts += [_segment(0xC1, head + listed), _segment(0xDD, self.restart.to_bytes(2, "big"))]
        return b"".join(parts)

    def _scan(self) -> bytes:
        listed = b"".join(bytes([n + 1, 0]) for n in range(len(self.components)))
        return _segment(0xDA, bytes([len(self.components)]) + listed + b"\0\x3f\0")


def mcus(width: int, height: int, components: Sequence[Component] | Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The number of rows of MCUs, and of MCUs in each, for components or their sampling factors."""
    factors = [one if isinstance(one, tuple) else (one.across, one.down) for one in components]
    factors = factors if len(factors) > 1 else [(1, 1)]
    across, down = (max(one[n] for one in factors) for n in (0, 1))
    return ceil(height / (8 * down)), ceil(width / (8 * across))


def _ac(block: Sequence[int]) -> Iterator[tuple[int, int, str]]:
    zeros = 0
    for value in block[1:]:
        if not value:
            zeros += 1
            continue
        yield from [(1, 0xF0, "")] * (zeros // 16)
        size, bits = _sized(value)
        yield 1, zeros % 16 << 4 | size, bits
        zeros = 0
    if zeros:
        yield 1, 0, ""


def _sized(value: int) -> tuple[int, str]:
    size = abs(value).bit_length()
    return size, f"{value if value > 0 else value + (1 << size) - 1:0{size}b}" if size else ""


def _codes(counts: Counter[int]) -> dict[int, str]:
    """Short codes for the most frequent symbols, long ones for the others; none is all ones."""
    lengths = chain(_COMMON_BITS, (10 + n % 7 for n in count()))
    by_length = sorted(zip(lengths, [one for one, _ in counts.most_common()], strict=False))
    codes, code, before = {}, 0, 0
    for length, symbol in by_length:
        code <<= length - before
        codes[symbol] = f"{code:0{length}b}"
        code, before = code + 1, length
    return codes


def _table(number: int, codes: dict[int, str]) -> bytes:
    lengths = Counter(map(len, codes.values()))
    return _segment(0xC4, bytes([number << 4, *(lengths[n] for n in range(1, 17)), *codes]))


def _segment(code: int, content: bytes) -> bytes:
    return bytes([0xFF, code]) + (len(content) + 2).to_bytes(2, "big") + content


def _packed(bits: str) -> bytes:
    bits += "1" * (-len(bits) % 8)
    return int("1" + bits, 2).to_bytes(len(bits) // 8 + 1, "big")[1:].replace(b"\xff", b"\xff\0")
