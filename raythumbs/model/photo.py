"""Photo, RenditionSpec, Rendition, Fit."""

from dataclasses import dataclass
from enum import StrEnum


class Fit(StrEnum):
    """How a picture is fitted to a spec's width and height (the words of CSS `object-fit` and of sharp)."""

    INSIDE = "inside"  # whole picture, as large as fits, its own shape
    COVER = "cover"  # fills the size, the overhang cut off around the focus
    CONTAIN = "contain"  # whole picture on a background of the exact size
    FILL = "fill"  # stretched to the exact size


class Format(StrEnum):
    """What a rendition can be written as."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"

    @property
    def extension(self) -> str:
        """The usual ending of a file's name, without the dot."""
        return "jpg" if self is Format.JPEG else str(self)

    @property
    def content_type(self) -> str:
        """The registered media type."""
        return f"image/{self}"


@dataclass(frozen=True, kw_only=True)
class RenditionSpec:
    """What a rendition shall be: its name, the box it is fitted to in pixels, its format and quality (1-100).

    `focus` is what `cover` cuts around: fractions of the photo's width and height, from the left and from the top. A
    JPEG is decoded at `gap` times the size at least, of the scales that its format knows: a smaller gap takes less CPU,
    and is less true. At 2 it is as true as libvips's; at 1.25 a camera's photo takes a fifth less, and is as true as
    sharp's.
    """

    name: str = "thumbnail"
    width: int = 300
    height: int = 300
    fit: Fit = Fit.INSIDE
    focus: tuple[float, float] = (0.5, 0.5)
    format: Format = Format.JPEG
    quality: int = 85
    enlarge: bool = False
    gap: float = 2.0


@dataclass(frozen=True, kw_only=True)
class PictureFacts:
    """What decoding told of a photo: its size in pixels as a person sees it (turned upright), and its format.

    `thumb_hash` is a placeholder, as base64; `notes` are what was wrong with the photo without being worth a refusal.
    """

    width: int
    height: int
    format: str
    size_bytes: int
    version: str | None
    thumb_hash: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Rendition:
    """One picture made from a source by one spec: where it lies (`key` in the thumbnails' store) and its address."""

    name: str
    width: int
    height: int
    format: Format
    size_bytes: int
    key: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Photo:
    """What was uploaded: its source, and once a job has succeeded what decoding told of it, and its renditions.

    `deleted_at` is when the service learnt that the source is no longer there.
    """

    id: str
    source: str
    version: str | None
    folder_id: str | None
    file_name: str | None
    size_bytes: int | None
    width: int | None
    height: int | None
    format: str | None
    thumb_hash: str | None
    notes: tuple[str, ...]
    created_at: float
    deleted_at: float | None
    renditions: tuple[Rendition, ...]
