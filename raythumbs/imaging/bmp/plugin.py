"""Pillow's reader of BMP, with decoders for bit fields of any layout and for run lengths.

The headers are those of Windows' documentation: BITMAPINFOHEADER, BITMAPV4HEADER, BITMAPV5HEADER.
"""

import struct

from PIL import BmpImagePlugin, Image, ImageFile

from raythumbs.imaging.bmp import fields, rle

NAME = "RAYTHUMBS BMP"  # Pillow's own reader stays as it is for other users of Pillow

_HEAD_BYTES = 14
_FIELDS, _FIELDS_WITH_ALPHA = 3, 6  # kinds of compression
_WITH_FIELDS, _OS2 = 40, 64  # sizes of headers: the smallest that may have bit fields; OS/2 uses the number differently
_LAYOUT = struct.Struct("<IiiHHI")  # the header's size, width, height, planes, bits, compression
_MASKS_AT, _MASK_BYTES = 40, 4
_WITH_ALPHA = 56  # headers from this size on have a mask for alpha
_DEFAULTS = {16: (0x7C00, 0x3E0, 0x1F, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0xFF000000)}  # for masks that are all 0


class Bmp(BmpImagePlugin.BmpImageFile):
    """A BMP."""

    def _open(self) -> None:
        assert self.fp is not None  # noqa: S101 Pillow's own way
        head = self.fp.read(_HEAD_BYTES + _MASKS_AT + 4 * _MASK_BYTES)
        self.fp.seek(0)
        if len(head) >= _HEAD_BYTES + _MASKS_AT:
            size, width, height, _, bits, compression = _LAYOUT.unpack_from(head, _HEAD_BYTES)
            if compression in {_FIELDS, _FIELDS_WITH_ALPHA} and bits in _DEFAULTS and _WITH_FIELDS <= size != _OS2:
                self._open_fields(head, width, height, bits)
                return
        super()._open()
        if self.tile and self.tile[0].codec_name == "bmp_rle":
            self.tile = [self.tile[0]._replace(codec_name=rle.NAME)]

    def _open_fields(self, head: bytes, width: int, height: int, bits: int) -> None:
        [pixels_at, size] = struct.unpack_from("<II", head, 10)
        [compression] = struct.unpack_from("<I", head, _HEAD_BYTES + 16)
        masks = struct.unpack_from("<4I", head.ljust(_HEAD_BYTES + _MASKS_AT + 16, b"\0"), _HEAD_BYTES + _MASKS_AT)
        if size < _WITH_ALPHA and compression != _FIELDS_WITH_ALPHA:
            masks = (*masks[:3], 0)
        if not any(masks):
            masks = _DEFAULTS[bits]
        self._size = (width, abs(height))
        self._mode = "RGBA" if masks[3] else "RGB"
        arguments = (masks, bits // 8, height < 0)
        self.tile = [ImageFile._Tile(fields.NAME, (0, 0, *self.size), pixels_at, arguments)]  # noqa: SLF001 as plugins do


def has_run_lengths(picture: Image.Image) -> bool:
    """Return whether a picture's pixels are run lengths. Ask before they are read."""
    return isinstance(picture, Bmp) and bool(picture.tile) and picture.tile[0].codec_name == rle.NAME


def register() -> None:
    """Make the reader known to `Image.open`, under its name, and its decoders."""
    Image.register_open(NAME, Bmp, lambda start: start.startswith(b"BM"))
    Image.register_decoder(fields.NAME, fields.FieldsDecoder)
    Image.register_decoder(rle.NAME, rle.RunLengthDecoder)
