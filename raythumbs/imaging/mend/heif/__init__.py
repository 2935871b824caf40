"""Mends a HEIC or AVIF, and refuses one that lacks data or is coded in another way."""

import struct
from typing import BinaryIO

from raythumbs.errors import Truncated, UnsupportedFormat
from raythumbs.imaging.heif.boxes import top_boxes
from raythumbs.imaging.heif.codings import AV1, coding_of
from raythumbs.imaging.heif.identity import without_identity
from raythumbs.imaging.heif.meta import Meta, read_meta
from raythumbs.imaging.heif.missing_data import refuse_missing_data
from raythumbs.imaging.mend.heif.brands import has_film, is_av1_film, is_cut, is_heif, other_brands
from raythumbs.imaging.mend.heif.crops import corrected_crops
from raythumbs.imaging.mend.heif.metadata import hidden_metadata
from raythumbs.imaging.mend.heif.patch import patched
from raythumbs.imaging.mend.heif.tables import REPEATED, has_repeated_tables, with_tables
from raythumbs.imaging.mend.mended import Mended
from raythumbs.imaging.tables import refuse_long_boxes

CUT = "the file ends too soon: a part that thumbnails do not need is missing"
_ZEROS = bytes(4)  # in place of the kind of a box: the file is not cut, but overwritten


def mend_heif(file: BinaryIO) -> Mended:
    """Return a file of boxes as a decoder is to read it.

    Raises Truncated if data is missing that the picture needs, and UnsupportedFormat if it is coded in a way that is
    not read.
    """
    meta = _meta(file)
    if meta is None:
        return _without_items(file)
    plain = without_identity(meta)
    coding = coding_of(plain)
    refuse_missing_data(file, meta)
    hiding, notes = hidden_metadata(file, meta, coding)
    cropping, more = corrected_crops(meta)
    notes += more
    mended = patched(file, [*other_brands(file, coding), *hiding, *cropping])
    if coding == AV1:
        mended, more = _for_libavif(mended, meta, plain)
        notes += more
    if is_cut(file):
        notes.append(CUT)
    return Mended(mended, tuple(notes))


def _for_libavif(file: BinaryIO, meta: Meta, plain: Meta) -> tuple[BinaryIO, list[str]]:
    """Return an AVIF with tables that libavif reads, and the notes."""
    repeated = has_repeated_tables(file, meta)
    if not repeated and plain is meta:
        return file, []
    return with_tables(file, plain), [REPEATED] if repeated else []


def _meta(file: BinaryIO) -> Meta | None:
    refuse_long_boxes(file)
    try:
        return read_meta(file)
    except struct.error:
        return None


def _without_items(file: BinaryIO) -> Mended:
    """Return a file without items that can be read: a film whose first frame is shown, or left to the decoder."""
    if is_av1_film(file) and is_cut(file):
        raise Truncated("the file ends before its film does")
    if not is_heif(file) or is_av1_film(file):
        return Mended(file)
    if has_film(file):
        raise UnsupportedFormat("a HEIF that holds a film and no picture")
    tops = {box.kind: box for box in top_boxes(file)}
    if tops[b"meta"].is_cut if b"meta" in tops else _ZEROS not in tops:
        raise Truncated("the file ends before the tables of its parts do")
    return Mended(file)
