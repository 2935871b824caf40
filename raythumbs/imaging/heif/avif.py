"""Pillow's decoder of AVIF, with the properties of the picture: Pillow ignores `clap`, and the order of the others."""

import struct
from typing import BinaryIO, cast

from PIL import AvifImagePlugin, ExifTags, Image

from raythumbs.imaging.heif.geometry import Geometry, coded_size, geometry
from raythumbs.imaging.heif.meta import read_meta


class AvifFile(AvifImagePlugin.AvifImageFile):
    """An AVIF that is cut as its properties say. Its orientation is that of its properties, as Exif.

    Exif and XMP of the file do not count (ISO/IEC 23000-22 (MIAF), 7.3.6.7).
    """

    _shown: Geometry | None = None
    _coded_size = (0, 0)

    def _open(self) -> None:
        super()._open()
        self._coded_size = self._size
        self._shown = self._geometry()
        self.info.pop("xmp", None)
        if self._shown is None:
            return
        self._size = self._shown.size
        self.info.pop("exif", None)
        if self._shown.turn != 1:
            self.info["exif"] = _exif_of(self._shown.turn)

    def _geometry(self) -> Geometry | None:
        """Return the geometry of the picture; None if the picture is a frame of a film, which has no properties."""
        if self.fp is None or self.is_animated:
            return None
        try:
            meta = read_meta(cast("BinaryIO", self.fp))
        except struct.error:
            return None
        if meta is None or coded_size(meta, meta.primary) != self._coded_size:
            return None
        return geometry(self._coded_size, meta.properties(meta.primary))

    def load_prepare(self) -> None:
        """Make room for all pixels: Pillow's loader calls this first."""
        self._size = self._coded_size
        super().load_prepare()

    def load_end(self) -> None:
        """Keep the pixels that are shown: Pillow's loader calls this last."""
        if self._shown is not None and self._shown.size != self._coded_size:
            self.im = self.im.crop((self._shown.left, self._shown.top, self._shown.right, self._shown.bottom))
            self._size = self._shown.size


def register_avif_opener() -> None:
    """Let Pillow open AVIF with this decoder."""
    Image.register_open(AvifFile.format, AvifFile, AvifImagePlugin._accept)  # noqa: SLF001 its check of the first bytes


def _exif_of(turn: int) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = turn
    return exif.tobytes()
