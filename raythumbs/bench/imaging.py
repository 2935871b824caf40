"""What a thumbnail costs, and how accurate it is: raythumbs beside libvips and sharp, on the same pictures."""

import math
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import pillow_heif
from PIL import Image, ImageChops, ImageOps, ImageStat

from raythumbs.bench.equal_score import EqualScore, equal_scores
from raythumbs.bench.laps import laps
from raythumbs.bench.pictures import draw_photo
from raythumbs.bench.plans import ImagingPlan
from raythumbs.bench.report import BenchFailed, Report, Say, table
from raythumbs.bench.thumbnailers import Thumbnailer, thumbnailers
from raythumbs.model.photo import Format

_CAMERA_MB = 5
_WEB, _SCREEN = (1600, 1200), (2725, 2044)
_EXACT_DB = 99.0  # stands for a thumbnail without any error


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A contestant's thumbnail of a picture: its CPU time, its likeness to the reference, its bytes.

    `psnr_db` is of the pixels as decoded and resized, asked for as PNG; time and bytes are of the JPEG. `ratio` is
    raythumbs' CPU time over the contestant's.
    """

    picture: Annotated[str, "picture"]
    picture_bytes: int
    target_pixels: Annotated[int, "pixels"]
    contestant: Annotated[str, "contestant"]
    version: Annotated[str, "version"]
    cpu_ms: Annotated[float, "CPU ms", "{:.1f}"]
    ratio: Annotated[float, "ratio", "{:.2f}"]
    psnr_db: Annotated[float, "PSNR dB", "{:.1f}"]
    output_bytes: Annotated[int, "bytes"]


def run(plan: ImagingPlan, *, say: Say) -> Report:
    """Measure every contestant on the pictures of a folder, or on drawn ones, at each size in pixels.

    The bytes at equal score are measured with a folder's pictures alone: no codec is made for drawn ones.
    """
    photos = _read(plan.pictures) if plan.pictures else draw_kinds(_CAMERA_MB)
    rows = []
    with thumbnailers() as (contestants, missing):
        for name, photo in photos.items():
            for pixels in plan.size:
                say(f"{name} in {pixels} pixels")
                rows += _rows(contestants, name, photo, pixels=pixels, runs=plan.runs)
        named = {one.name: one for one in contestants}
        rival = named.get("sharp-mozjpeg") if plan.pictures else None
        equal = equal_scores(named["raythumbs"], rival, photos.values()) if rival else []
    return Report(
        figures={"rows": rows, "equal_scores": equal, "missing": missing},
        tables=[table("raythumbs bench imaging", Row, rows), table("bytes at equal SSIMULACRA2", EqualScore, equal)],
        complaints=[f"not measured: {one}" for one in missing],
    )


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
        "HEIC of a phone": _saved(camera, "HEIF", quality=30, tile_size=512, enc_params={"preset": "veryfast"}),
    }


def _read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def _rows(contestants: list[Thumbnailer], name: str, photo: bytes, *, pixels: int, runs: int) -> list[Row]:
    likenesses = {one: likeness for one in contestants if (likeness := _likeness(one, photo, pixels)) is not None}

    def lap(contestant: Thumbnailer) -> Row:
        made = contestant.thumbnail(photo, pixels, Format.JPEG)
        return Row(
            contestant=contestant.name,
            version=contestant.version,
            picture=name,
            picture_bytes=len(photo),
            target_pixels=pixels,
            cpu_ms=made.cpu_ms,
            ratio=1.0,
            psnr_db=likenesses[contestant],
            output_bytes=len(made.data),
        )

    rows = laps(list(likenesses), lap, runs=runs)
    ours = next(row.cpu_ms for row in rows if row.contestant == "raythumbs")
    return [replace(row, ratio=ours / row.cpu_ms) for row in rows]


def _likeness(contestant: Thumbnailer, photo: bytes, pixels: int) -> float | None:
    """Return the PSNR in dB of a thumbnail beside the reference, or None if the contestant cannot read the picture."""
    try:
        made = contestant.thumbnail(photo, pixels, Format.PNG)
    except BenchFailed:
        return None
    with Image.open(BytesIO(made.data)) as thumbnail, Image.open(BytesIO(photo)) as picture:
        # The reference: every pixel decoded, then one step of Lanczos.
        reference = ImageOps.exif_transpose(picture).convert("RGB").resize(thumbnail.size, Image.Resampling.LANCZOS)
        stat = ImageStat.Stat(ImageChops.difference(thumbnail.convert("RGB"), reference))
    error = sum(stat.sum2) / sum(stat.count)
    return min(_EXACT_DB, 10 * math.log10(255**2 / error)) if error else _EXACT_DB


def _saved(picture: Image.Image, written_as: str, **options: Any) -> bytes:  # noqa: ANN401 Pillow's options
    file = BytesIO()
    picture.save(file, written_as, **options)
    return file.getvalue()
