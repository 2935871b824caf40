"""Photos and renditions: what to make, what was made, and what is known of a photo."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MOST_SIDE_PIXELS = 16_383  # the largest side that WebP can hold
_BEST_QUALITY = 100
_LARGEST_GAP = 8
# Of every rendition, for browsers and caches in between: a rendition's address changes when its photo does.
CACHE_CONTROL = "public, max-age=31536000, immutable"


class Fit(StrEnum):
    """How a picture is fitted to a spec's width and height (the words of CSS `object-fit` and of sharp)."""

    INSIDE = "inside"  # the whole picture, as large as fits, in its own shape
    COVER = "cover"  # fills the size; what sticks out is cut off around the focus
    CONTAIN = "contain"  # the whole picture on a background of the exact size
    FILL = "fill"  # stretched to the exact size


class Format(StrEnum):
    """The format of a rendition."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"

    @property
    def extension(self) -> str:
        """The usual extension of a file's name, without the dot."""
        return "jpg" if self is Format.JPEG else str(self)

    @property
    def content_type(self) -> str:
        """The registered media type."""
        return f"image/{self}"

    @classmethod
    def of_name(cls, name: str) -> Self | None:
        """Return the format of a rendition by the ending of its name, or None for another file."""
        ending = name.rpartition(".")[2]
        return next((one for one in cls if one.extension == ending), None)


@dataclass(frozen=True, kw_only=True)
class RenditionSpec:
    """How to make a rendition: its name, the box that it is fitted to in pixels, its format and its quality (1-100).

    `focus` is the point that `cover` cuts around: fractions of the photo's width and height, from the left and from the
    top. `gap` is for JPEG alone: the photo is decoded at the smallest scale of the format that is still `gap` times as
    large as the rendition. A smaller gap takes less CPU and is less accurate. At 2 a rendition is as accurate as
    libvips's. At 1.25 a camera's photo takes a fifth less CPU, and the rendition is as accurate as sharp's.
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

    def check(self) -> None:
        """Raise ValueError if a value is outside its range; the message says which value and which range."""
        rules = (
            (_NAME.fullmatch(self.name), f"name {self.name!r} is not lower-case letters, digits, '-' and '_'"),
            (self._has_sides(), f"{self.name!r} needs sides of 1 to {_MOST_SIDE_PIXELS} pixels"),
            (1 <= self.quality <= _BEST_QUALITY, f"{self.name!r} needs a quality of 1 to {_BEST_QUALITY}"),
            (1 <= self.gap <= _LARGEST_GAP, f"{self.name!r} needs a gap of 1 to {_LARGEST_GAP}"),
            (self._has_focus(), f"{self.name!r} needs a focus of two fractions, 0 to 1"),
        )
        for holds, fault in rules:
            if not holds:
                raise ValueError(f"the spec {fault}")

    def _has_sides(self) -> bool:
        return all(1 <= side <= _MOST_SIDE_PIXELS for side in (self.width, self.height))

    def _has_focus(self) -> bool:
        return [0 <= fraction <= 1 for fraction in self.focus] == [True, True]


@dataclass(frozen=True, kw_only=True)
class PictureFacts:
    """What decoding found out about a photo: its size in pixels, upright as a person sees it, and its format.

    `thumb_hash` is a placeholder, as base64. `notes` name faults of the photo that did not keep it from being rendered.
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
    """One picture made from a source by one spec. `key` is its place in the thumbnails' store, `url` its address."""

    name: str
    width: int
    height: int
    format: Format
    size_bytes: int
    key: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Photo:
    """An uploaded photo: its source and, once a job has succeeded, what decoding found out, and its renditions.

    `deleted_at` is when the service learnt that the source was deleted.
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
