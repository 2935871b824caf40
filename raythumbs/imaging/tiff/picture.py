"""A TIFF whose pixels Pillow reads only where it reads them rightly."""

from itertools import zip_longest
from os import SEEK_END
from typing import Any, BinaryIO, cast

from PIL import ImageFile, ImagePalette, TiffImagePlugin

from raythumbs.errors import BadPicture, Corrupt, Truncated, UnsupportedFormat
from raythumbs.imaging.numpy_room import make_room_for_numpy
from raythumbs.imaging.tiff.layout import Layout
from raythumbs.imaging.tiff.reader import Reader, ignores_sizes, reader
from raythumbs.imaging.tiff.tags import Compression, Photometric, Tag

_MAGICS = (b"II*\0", b"MM\0*", b"MM*\0", b"II\0*", b"II+\0", b"MM\0+")  # Pillow reads the swapped ones too
_KIND_OF_PICTURE, _PREVIEW = 254, 1  # TIFF 6.0, NewSubfileType. DNG, NEF and ARW begin with a preview.
_LIBTIFF_FAILED = "decoder error"


def is_tiff(head: bytes) -> bool:
    """Return whether a file begins like a TIFF."""
    return head.startswith(_MAGICS)


class TiffPicture(TiffImagePlugin.TiffImageFile):
    """The first picture of a TIFF. It is not turned when it is read, so its size is that of the pixels in the file."""

    layout: Layout
    reader: Reader

    def _setup(self) -> None:
        """Read the tags; Pillow calls this when it has found them."""
        if self.tag_v2.get(_KIND_OF_PICTURE) == _PREVIEW:
            raise UnsupportedFormat("a camera's raw file, or another TIFF whose first picture is but a preview")
        self.layout = Layout.of(self.tag_v2)
        self.reader = reader(self.layout)
        if self.reader is Reader.OURS:
            self._mode = self.layout.mode
            self.use_load_libtiff = False
            self._note_profile()
        else:
            self._tell_pillow()
            super()._setup()
            self._correct_pillow()
        self._size = self._tile_size = self.layout.width, self.layout.height

    def _note_profile(self) -> None:
        self.tile = []
        if TiffImagePlugin.ICCPROFILE in self.tag_v2:
            self.info["icc_profile"] = self.tag_v2[TiffImagePlugin.ICCPROFILE]

    def _tell_pillow(self) -> None:
        """Give Pillow the tags that it misunderstands if they are missing or too long."""
        self.tag_v2[Tag.PHOTOMETRIC] = int(self.layout.photometric)
        self.tag_v2[Tag.BITS] = (self.layout.bits,) * self.layout.samples
        self.tag_v2[Tag.PLANAR] = 2 if self.layout.separate else 1  # of one sample, there is one plane
        if self.layout.compression is Compression.NONE:
            self.tag_v2[Tag.TILE_OFFSETS if self.layout.tiled else Tag.STRIP_OFFSETS] = self.layout.offsets

    def _correct_pillow(self) -> None:
        if self.layout.photometric is Photometric.PALETTE:
            self.palette = ImagePalette.raw("RGB", self.layout.palette)
        if self.reader is Reader.LIBTIFF and self.layout.compression is Compression.NONE:
            self._mode = "RGB"
            self.use_load_libtiff = True
            whole = (0, 0, self.layout.width, self.layout.height)
            options = "RGBX", False, self.tag_v2.offset
            self.tile = [ImageFile._Tile("libtiff", whole, 0, options)]  # noqa: SLF001 Pillow has no public name for it

    def load(self) -> Any:  # noqa: ANN401 Pillow's own type is not public
        """Read the pixels. Raises Truncated if some are missing, and Corrupt."""
        file = self.fp
        if self._im is None and self.reader is Reader.OURS:
            self._read_pixels()
        try:
            return super().load()
        except OSError as error:
            if _LIBTIFF_FAILED not in str(error):
                raise
            if not ignores_sizes(self.layout):
                raise self._fault() from error
            self._read_pixels()  # only the sizes of the strips may be wrong
            return super().load()
        finally:
            self.fp = file  # Pillow forgets it, and reads the orientation from it later

    def load_end(self) -> None:
        """Leave the pixels as they lie: Pillow would turn them, also where only the photo's XMP says so."""

    def _read_pixels(self) -> None:
        make_room_for_numpy()
        from raythumbs.imaging.tiff.pixels import read_pixels  # numpy takes 0.1 s: rare TIFFs alone need it

        self._im = None  # what libtiff left of it
        big_endian = self.tag_v2.prefix == TiffImagePlugin.MM
        self.im = read_pixels(self._file, self.layout, big_endian=big_endian).im
        self._mode, self.palette, self.tile = self.layout.mode, None, []

    @property
    def _file(self) -> BinaryIO:
        if self.fp is None:
            raise OSError("the file is closed")
        return cast("BinaryIO", self.fp)

    def _fault(self) -> BadPicture:
        """Return the error that libtiff has a number for and no words."""
        if self._ends_too_soon():
            return Truncated("the file ends before the TIFF's pixels do")
        return Corrupt("the TIFF's packed data are broken")

    def _ends_too_soon(self) -> bool:
        end = self._file.seek(0, SEEK_END)
        places = zip_longest(self.layout.offsets, self.layout.sizes, fillvalue=0)
        return any(offset + size > end for offset, size in places)
