"""What a thumbnail costs, and how true it is: raythumbs beside libvips and sharp, on the same pictures in one run."""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pillow_heif
from PIL import Image, ImageChops, ImageOps, ImageStat
from rich.table import Table

from raythumbs import __version__
from raythumbs.bench.contestants import Contestant, Made, PeerFailed, contestants
from raythumbs.bench.pictures import draw_photo
from raythumbs.model.photo import Format

_CAMERA_MB = 5
_WEB, _SCREEN = (1600, 1200), (2725, 2044)
_EXACT_DB = 99.0  # what is told of a thumbnail without any error


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A contestant's thumbnail of a picture: the median of its CPU time, its likeness to the reference, its bytes.

    `psnr_db` is of the pixels as decoded and resized, asked for as PNG; the other two are of the JPEG.
    """

    contestant: str
    version: str
    picture: str
    picture_bytes: int
    target_pixels: int
    cpu_ms: float
    psnr_db: float
    output_bytes: int


@dataclass(frozen=True, slots=True)
class _Subject:
    """A picture, and the side of the square that its thumbnail shall fit in, in pixels."""

    name: str
    photo: bytes
    pixels: int


@dataclass(frozen=True, slots=True)
class ImagingResult:
    """Every row, and how to have the contestants that are missing."""

    rows: tuple[Row, ...]
    missing: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return {"rows": [asdict(row) for row in self.rows], "missing": list(self.missing)}

    def as_table(self) -> Table:
        """Return the result for people; the ratio is of raythumbs' CPU time to the contestant's."""
        columns = ("picture", "pixels", "contestant", "CPU ms", "ratio", "PSNR dB", "bytes")
        table = Table(*columns, title="raythumbs bench imaging")
        ours = {(row.picture, row.target_pixels): row.cpu_ms for row in self.rows if row.contestant == "raythumbs"}
        for row in self.rows:
            ratio = ours[row.picture, row.target_pixels] / row.cpu_ms
            told = (f"{row.cpu_ms:.1f}", f"{ratio:.2f}", f"{row.psnr_db:.1f}", str(row.output_bytes))
            table.add_row(row.picture, str(row.target_pixels), f"{row.contestant} {row.version}", *told)
        return table


def run_imaging(pictures: Path | None, *, sizes: Sequence[int], runs: int) -> ImagingResult:
    """Measure every contestant on the pictures of a folder, or on drawn ones, at each size in pixels."""
    photos = _taken(pictures) if pictures else draw_kinds(_CAMERA_MB)
    with contestants(__version__) as (here, missing):
        rows = [
            row
            for name, photo in photos.items()
            for size in sizes
            for row in _rows(here, _Subject(name, photo, size), runs)
        ]
    return ImagingResult(tuple(rows), tuple(missing))


def draw_kinds(camera_mb: float) -> dict[str, bytes]:
    """Draw a photo, and return it as a camera, a phone and the web would keep it."""
    pillow_heif.register_heif_opener(thumbnails=False)
    drawn = draw_photo(1, camera_mb)
    with Image.open(BytesIO(drawn)) as camera:
        camera.load()
    share = camera.width / 4000
    web, screen = (
        camera.resize((round(width * share), round(height * share)), Image.Resampling.LANCZOS)
        for width, height in (_WEB, _SCREEN)
    )
    return {
        "camera JPEG 4:2:0": drawn,
        "camera JPEG 4:4:4": _saved(camera, "JPEG", quality=84, subsampling="4:4:4"),
        "camera JPEG progressive": _saved(camera, "JPEG", quality=88, progressive=True),
        "web JPEG": _saved(web, "JPEG", quality=75),
        "web JPEG progressive": _saved(web, "JPEG", quality=75, progressive=True),
        "PNG": _saved(screen, "PNG"),
        "WebP": _saved(screen, "WEBP", quality=80),
        "AVIF": _saved(screen, "AVIF", quality=60, speed=8),
        "HEIC": _saved(screen, "HEIF", quality=60),
    }


def _taken(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def _rows(here: Sequence[Contestant], subject: _Subject, runs: int) -> Iterator[Row]:
    likenesses = {one: told for one in here if (told := _likeness(one, subject)) is not None}
    tries: dict[Contestant, list[Made]] = {one: [] for one in likenesses}
    for _ in range(runs):  # in turn, so that a slow minute of the machine is everybody's
        for one in likenesses:
            tries[one].append(one.thumbnail(subject.photo, subject.pixels, Format.JPEG))
    for one, psnr_db in likenesses.items():
        yield Row(
            contestant=one.name,
            version=one.version,
            picture=subject.name,
            picture_bytes=len(subject.photo),
            target_pixels=subject.pixels,
            cpu_ms=round(statistics.median(made.cpu_ms for made in tries[one]), 2),
            psnr_db=round(psnr_db, 1),
            output_bytes=len(tries[one][0].data),
        )


def _likeness(one: Contestant, subject: _Subject) -> float | None:
    """Return how like the reference a thumbnail is, or None of a picture that the contestant cannot read."""
    try:
        made = one.thumbnail(subject.photo, subject.pixels, Format.PNG)
    except PeerFailed:
        return None
    with Image.open(BytesIO(made.data)) as thumbnail:
        return _psnr_db(thumbnail.convert("RGB"), _reference(subject.photo, thumbnail.size))


def _reference(photo: bytes, size: tuple[int, int]) -> Image.Image:
    """Return what a thumbnail should look like: every pixel decoded, then one step of Lanczos."""
    with Image.open(BytesIO(photo)) as picture:
        return ImageOps.exif_transpose(picture).convert("RGB").resize(size, Image.Resampling.LANCZOS)


def _psnr_db(told: Image.Image, right: Image.Image) -> float:
    stat = ImageStat.Stat(ImageChops.difference(told, right))
    error = sum(stat.sum2) / sum(stat.count)
    return min(_EXACT_DB, 10 * math.log10(255**2 / error)) if error else _EXACT_DB


def _saved(picture: Image.Image, written_as: str, **options: Any) -> bytes:  # noqa: ANN401 Pillow's options
    file = BytesIO()
    picture.save(file, written_as, **options)
    return file.getvalue()
