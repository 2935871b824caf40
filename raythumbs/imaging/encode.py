"""From pixels to a file without a word about the photo."""

from io import BytesIO
from typing import Any

from PIL import Image

from raythumbs.imaging.colour import flattened
from raythumbs.model.photo import Format, RenditionSpec


def encode(picture: Image.Image, spec: RenditionSpec) -> bytes:
    """Return the picture as a file in the spec's format; no metadata of the source is in it."""
    if spec.format is Format.JPEG:
        picture = flattened(picture)
    bare = Image.new(picture.mode, picture.size)
    bare.im = picture.im  # the pixels alone: plugins write what they find in `info`
    file = BytesIO()
    bare.save(file, spec.format, **_options(spec))
    return file.getvalue()


def _options(spec: RenditionSpec) -> dict[str, Any]:
    match spec.format:
        case Format.JPEG:
            return {"quality": spec.quality, "optimize": True, "subsampling": "4:2:0"}
        case Format.PNG:
            return {"compress_level": 6}
        case Format.WEBP:
            return {"quality": spec.quality, "method": 4}
        case Format.AVIF:
            return {"quality": spec.quality, "speed": 8, "max_threads": 1}
