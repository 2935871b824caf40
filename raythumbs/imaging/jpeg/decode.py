"""Decodes a JPEG, as far as its data goes.

A file that lacks only its end marker is whole. One that lacks a few rows is shown without them. A picture is never
returned with a grey part.
"""

from dataclasses import dataclass, replace
from io import BytesIO
from typing import BinaryIO, cast

from PIL import JpegImagePlugin

from raythumbs.errors import Truncated
from raythumbs.imaging.decoded import Decoded
from raythumbs.imaging.decoder_errors import translated
from raythumbs.imaging.jpeg.missing_rows import may_lack_pixels, sound_rows
from raythumbs.imaging.jpeg.more_data import with_end, with_more_data
from raythumbs.imaging.jpeg.native import decoded
from raythumbs.imaging.jpeg.scale import ALL_EIGHTHS, divisor_of, eighths_of, set_scale
from raythumbs.imaging.jpeg.scan_count import has_several_scans, is_progressive, refuse_many_scans
from raythumbs.imaging.jpeg.scan_markers import components_sent, has_end, has_stray_marker
from raythumbs.imaging.jpeg.scans import may_end_amid_a_scan, needed_part, needed_scans
from raythumbs.imaging.limits import Limits
from raythumbs.imaging.orientation import orientation
from raythumbs.imaging.plan import Needs
from raythumbs.imaging.probe import probe

NO_END = "the file ends before its end marker"
_TOO_SHORT = "the picture's data ends before the picture does"


@dataclass(frozen=True, slots=True)
class JpegDecoder:
    """Decodes one JPEG: its picture with the scale set, its file, and what its thumbnails need.

    Up to the share `limits.missing_rows` of its rows may be missing.
    """

    picture: JpegImagePlugin.JpegImageFile
    file: BinaryIO
    needs: Needs
    limits: Limits

    def decode(self) -> Decoded:
        """Return the picture with its pixels. Raises Truncated if too many are missing, and TooLarge for an attack.

        A progressive JPEG is decoded only as far as its scale needs.
        """
        self._refuse_missing_components()
        part = needed_part(self.file, self._divisor, spare=self._spare) if is_progressive(self.picture) else None
        source = self.file if part is None else BytesIO(part)
        if native := self._natively(source, is_part=part is not None):
            return native
        if part is None:
            refuse_many_scans(self.picture, self.file)
        picture = self.picture if part is None else self._opened(source)
        if not _is_loaded(picture):
            return self._without_end()
        if not (may_lack_pixels(picture) or self._may_lack_details(source)):
            return self._shown(picture, picture.height)
        return self._compared(picture, with_more_data(source))

    def _natively(self, file: BinaryIO, *, is_part: bool) -> Decoded | None:
        """Return the picture by our own decoder, which takes only whole and sound files; None if Pillow is to decode.

        So no pixel is missing, whatever colour the last ones have.
        """
        if not self.limits.native:
            return None
        eighths = eighths_of(self.picture)
        native = decoded(file, self.picture.mode, self.picture.size, eighths, is_part=is_part)
        if native is None:
            return None
        scale = eighths / ALL_EIGHTHS
        width, height = self.needs.stored
        notes = () if native.has_end else (NO_END,)
        return Decoded(native.picture, (width, height), (width * scale, height * scale), notes)

    def _may_lack_details(self, source: BinaryIO) -> bool:
        """Return whether a part of a progressive JPEG's scan may be missing. The picture is less sharp then."""
        if not is_progressive(self.picture):
            return False
        return has_stray_marker(source) or (source is self.file and may_end_amid_a_scan(source))

    def _without_end(self) -> Decoded:
        """Decode the file with an end marker behind it: the scans that the scale needs, if they are there."""
        self.picture._im = None  # noqa: SLF001 the memory is needed for a second picture
        ended = self._needed(with_end(self.file))
        notes = () if has_end(self.file) else (NO_END,)
        if is_progressive(self.picture) and (native := self._natively(ended, is_part=True)):
            return replace(native, notes=notes)
        picture = self._opened(ended)
        _load(picture)
        return self._compared(picture, self._needed(with_more_data(self.file)), notes)

    def _needed(self, file: BinaryIO) -> BinaryIO:
        """Return a file of the needed scans of a progressive JPEG. Raises Truncated if they are not all there."""
        if not is_progressive(self.picture):
            return file
        scans = needed_scans(file, self._divisor, spare=self._spare)
        if scans is None:
            raise Truncated(_TOO_SHORT)
        return BytesIO(scans)

    def _compared(
        self, picture: JpegImagePlugin.JpegImageFile, longer: BinaryIO, notes: tuple[str, ...] = ()
    ) -> Decoded:
        """Return the picture without the rows in which it differs from the picture of a file with more data."""
        return self._shown(picture, self._sound_rows(picture, longer), notes)

    def _sound_rows(self, picture: JpegImagePlugin.JpegImageFile, longer: BinaryIO) -> int:
        with self._opened(longer) as other:
            _load(other)
            return sound_rows(picture, other, eighths_of(picture))

    def _shown(self, picture: JpegImagePlugin.JpegImageFile, rows: int, notes: tuple[str, ...] = ()) -> Decoded:
        """Return the picture's first rows. Raises Truncated if too many are missing."""
        width, height = self.needs.stored
        scale = eighths_of(picture) / ALL_EIGHTHS
        if rows == picture.height:
            return Decoded(picture, (width, height), (width * scale, height * scale), notes)
        there = int(rows / scale)
        missing = height - there
        if not rows or missing > self.limits.missing_rows * height:
            raise Truncated(f"{_TOO_SHORT}: {missing} of {height} rows are missing")
        notes = (*notes, f"the photo's last {missing} of {height} rows are missing, and are not shown")
        return Decoded(picture.crop((0, 0, picture.width, rows)), (width, there), (width * scale, rows), notes)

    def _refuse_missing_components(self) -> None:
        """Raise Truncated if the scans of a picture in several scans do not hold all its components."""
        if is_progressive(self.picture) or not has_several_scans(self.picture):
            return
        if not {one for one, *_ in self.picture.layer} <= components_sent(self.file):
            raise Truncated(_TOO_SHORT)

    def _opened(self, file: BinaryIO) -> JpegImagePlugin.JpegImageFile:
        picture = cast("JpegImagePlugin.JpegImageFile", probe(file))
        set_scale(picture, self._divisor)
        return picture

    @property
    def _divisor(self) -> int:
        return divisor_of(self.picture)

    @property
    def _spare(self) -> float:
        """How much larger the picture is decoded than its thumbnails need."""
        wanted = self.needs.least_size(orientation(self.picture))
        return min(has / wants for has, wants in zip(self.picture.size, wanted, strict=True))


def _load(picture: JpegImagePlugin.JpegImageFile) -> None:
    with translated():
        picture.load()


def _is_loaded(picture: JpegImagePlugin.JpegImageFile) -> bool:
    """Decode the pixels, and return whether the file did not end before. No error is left, which would hold memory."""
    try:
        _load(picture)
    except Truncated:
        return False
    return True
