"""Every rendition of a photo from one decode."""

import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import BinaryIO

from PIL import Image

from raythumbs.errors import NeedsMemory, NotAnImage, TooLarge
from raythumbs.imaging.admit import admit
from raythumbs.imaging.colour import colour
from raythumbs.imaging.colourspace import describe
from raythumbs.imaging.decode import decode
from raythumbs.imaging.decoder_errors import translated
from raythumbs.imaging.encode import encode
from raythumbs.imaging.jpeg.scale import shrink
from raythumbs.imaging.limits import Limits
from raythumbs.imaging.mend import mend
from raythumbs.imaging.orientation import orientation
from raythumbs.imaging.pixels import orient
from raythumbs.imaging.placeholder import HASHED, thumb_hash
from raythumbs.imaging.plan import Needs
from raythumbs.imaging.png.target import smaller_size
from raythumbs.imaging.probe import probe
from raythumbs.imaging.renditions_memory import renditions_bytes
from raythumbs.imaging.resize import Resizer
from raythumbs.model.photo import PictureFacts, RenditionSpec


@dataclass(frozen=True, slots=True)
class RenderedSpec:
    """One rendition: its size in pixels and its file."""

    spec: RenditionSpec
    width: int
    height: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Rendered:
    """A photo's upright size in pixels, its format (`jpeg`, `heif`, ...), its renditions and its ThumbHash.

    `notes` are faults of the photo that are no reason to refuse it. `decode_seconds` is how long it took until there
    were upright pixels in sRGB; the rest was resizing and encoding.
    """

    width: int
    height: int
    format: str
    renditions: tuple[RenderedSpec, ...]
    thumb_hash: bytes
    notes: tuple[str, ...]
    decode_seconds: float = field(default=0.0, compare=False)

    def facts(self, *, size_bytes: int, version: str | None) -> PictureFacts:
        """Return the facts to record of the photo, whose file has this size and this version in its store."""
        return PictureFacts(
            width=self.width,
            height=self.height,
            format=self.format,
            size_bytes=size_bytes,
            version=version,
            thumb_hash=b64encode(self.thumb_hash).decode(),
            notes=self.notes,
        )


def render(source: BinaryIO | bytes, specs: Sequence[RenditionSpec], limits: Limits) -> Rendered:
    """Make a rendition of a photo for each spec, in the order of the specs: upright, in sRGB, without metadata.

    Raises a BadPicture (NotAnImage, Truncated, Corrupt, TooLarge, ...) if no thumbnail can be made of the photo, and
    NeedsMemory if it fits only `limits.elsewhere_bytes`. A file on a disk is mapped into memory: it must not be
    shortened meanwhile. Raises ValueError for a spec with a value outside its range.
    """
    for spec in specs:
        spec.check()
    file = BytesIO(source) if isinstance(source, bytes) else source
    if not file.read(1):
        raise NotAnImage("the file is empty")
    file.seek(0)
    try:
        return _rendered(file, specs, limits)
    except MemoryError as error:  # the picture took more than was predicted
        raise _too_large_for(limits) from error


def _rendered(file: BinaryIO, specs: Sequence[RenditionSpec], limits: Limits) -> Rendered:
    began = time.monotonic()
    with translated():
        mended = mend(file)
    with probe(mended.file) as picture:
        notes = describe(picture, mended.file)
        turn = orientation(picture)  # TIFF's tag is gone when the pixels are read
        needs = Needs(picture.size, specs)
        shrink(picture, needs)
        smaller = smaller_size(picture, needs, native=limits.native)
        scale = needs.scale(smaller[0] if smaller else picture.width)
        admit(picture, limits, scale, renditions_bytes(picture, needs), smaller=smaller)
        decoded = decode(picture, mended.file, needs, limits)
        pixels = orient(decoded, turn)
        pixels = colour(pixels, picture.info.get("icc_profile"))
        decode_seconds = time.monotonic() - began
        resizer = Resizer(pixels)
        renditions = {spec: _encoded(resizer.resize(spec), spec) for spec in resizer.order(specs)}
        return Rendered(
            *pixels.size,
            format=str(picture.format).lower(),
            renditions=tuple(renditions[spec] for spec in specs),
            thumb_hash=thumb_hash(resizer.resize(HASHED)),
            notes=mended.notes + notes + decoded.notes + pixels.notes,
            decode_seconds=decode_seconds,
        )


def _encoded(picture: Image.Image, spec: RenditionSpec) -> RenderedSpec:
    return RenderedSpec(spec, picture.width, picture.height, encode(picture, spec))


def _too_large_for(limits: Limits) -> NeedsMemory | TooLarge:
    reason = "the picture and its thumbnails do not fit into memory"
    if limits.elsewhere_bytes > limits.decode_bytes:
        return NeedsMemory(reason, limits.elsewhere_bytes)
    return TooLarge(reason)
