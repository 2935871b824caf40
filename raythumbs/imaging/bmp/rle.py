"""Run lengths of 4 and of 8 bits (Windows' documentation, "Bitmap Compression").

Pillow's decoder wants every pixel to be written. But a BMP may end early, or leave out rows and ends of rows: what is
not written has the palette's first colour.
"""

from typing import IO

from PIL import Image, ImageFile

NAME = "raythumbs_bmp_rle"

_END_OF_ROW, _END, _JUMP = 0, 1, 2
_MOST_EMPTY_CODES = 1 << 16  # that write no pixel


class RunLengthDecoder(ImageFile.PyDecoder):
    """Decodes the rows, bottom first. Its arguments: raw mode, whether a pixel has 4 bits, direction."""

    _pulls_fd = True

    def decode(self, buffer: Image.DecoderInput) -> tuple[int, int]:  # noqa: ARG002 it reads from the file
        """Read all codes from the file."""
        assert self.fd is not None  # noqa: S101 Pillow's own way
        rows = _Rows(self.state.xsize, self.state.ysize, is_four_bits=self.args[1])
        rows.read(self.fd)
        self.set_as_raw(bytes(rows.pixels), "L" if self.mode in {"1", "L"} else "P", (0, self.args[-1]))
        return -1, 0


class _Rows:
    def __init__(self, width: int, height: int, *, is_four_bits: bool) -> None:
        self.pixels = bytearray(width * height)
        self._width, self._height = width, height
        self._is_four_bits = is_four_bits
        self._x = self._y = 0

    def read(self, file: IO[bytes]) -> None:
        for _ in range(len(self.pixels) + 2 * self._height + _MOST_EMPTY_CODES):
            code = file.read(2)
            if len(code) < 2:  # noqa: PLR2004 two bytes
                raise OSError("image file is truncated")
            count, value = code
            if not count and value == _END:
                return
            if count:
                self._write(self._run(count, value), count)
            else:
                self._escape(file, value)
            if self._y >= self._height or (self._y == self._height - 1 and self._x >= self._width):
                return

    def _escape(self, file: IO[bytes], value: int) -> None:
        if value == _END_OF_ROW:
            self._x, self._y = 0, self._y + 1
        elif value == _JUMP:
            right, up = file.read(2).ljust(2, b"\0")
            self._x, self._y = self._x + right, self._y + up
        else:
            size = (value + 1) // 2 if self._is_four_bits else value
            data = file.read(size + size % 2)[:size]  # padded to an even number of bytes
            self._write(self._split(data) if self._is_four_bits else data, value)

    def _run(self, count: int, value: int) -> bytes:
        pair = bytes((value >> 4, value & 15)) if self._is_four_bits else bytes((value, value))
        return (pair * (count // 2 + 1))[:count]

    def _split(self, data: bytes) -> bytes:
        return bytes(half for byte in data for half in (byte >> 4, byte & 15))

    def _write(self, pixels: bytes, count: int) -> None:
        """Write pixels to the row. What runs over its end is dropped."""
        room = max(0, self._width - self._x)
        place = self._y * self._width + self._x
        written = pixels[: min(count, room)]
        self.pixels[place : place + len(written)] = written
        self._x += count
