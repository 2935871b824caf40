"""How large a PNG is decoded: at the size of its only thumbnail, or larger, or as it is."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

from PIL import ImageFile

from raythumbs.imaging.native.library import loaded
from raythumbs.imaging.orientation import orientation, sideways
from raythumbs.imaging.placeholder import HASHED
from raythumbs.imaging.plan import Needs, gap_size, plan
from raythumbs.model.photo import Fit, RenditionSpec

# Times the size of the thumbnails. Pixels of the triangle are resampled once more. At 5 times, thumbnails of photos are
# 53 to 57 dB from Lanczos alone, and of a page of text 51 to 53 dB; at 3 times, 50 to 52 and 47 dB.
_SPARE = 5.0
_WORTHWHILE = 0.5  # of a side: to make two smaller pictures of it takes longer than to make one if it is larger


class Kernel(IntEnum):
    """How rows become a smaller picture: native/resample.h says what each is for."""

    COPY = 0
    TRIANGLE = 1
    LANCZOS = 2


@dataclass(frozen=True, slots=True)
class Target:
    """The size at which a PNG is decoded, as its pixels lie, and how it gets there."""

    size: tuple[int, int]
    kernel: Kernel


def target(picture: ImageFile.ImageFile, needs: Needs) -> Target:
    """Return the target of a PNG whose size is `needs.stored`.

    If one thumbnail shows all of the photo, and each other one can be made of it, its own size is the target: Lanczos
    then sees every pixel. Else the target is larger, for Lanczos to do the rest.
    """
    turn = orientation(picture)
    upright = sideways(needs.stored, turn)
    specs = [*needs.specs, HASHED]
    exact = next(_sufficient(upright, specs), None)
    if exact is not None:
        return Target(sideways(exact, turn), Kernel.LANCZOS)
    larger = gap_size(*upright, [replace(spec, gap=_SPARE) for spec in specs])
    if any(side > _WORTHWHILE * whole for side, whole in zip(larger, upright, strict=True)):
        return Target(needs.stored, Kernel.COPY)
    return Target(sideways(larger, turn), Kernel.TRIANGLE)


def smaller_size(picture: ImageFile.ImageFile, needs: Needs, *, native: bool) -> tuple[int, int] | None:
    """Return the size at which a picture is decoded without a picture of its full size in memory; None for others."""
    if not native or picture.format != "PNG" or picture.info.get("interlace") or loaded() is None:
        return None
    found = target(picture, needs)
    return None if found.kernel is Kernel.COPY else found.size


def _sufficient(upright: tuple[int, int], specs: list[RenditionSpec]) -> Iterator[tuple[int, int]]:
    """Give the sizes of thumbnails that show all of the photo, are no larger, and suffice for all others."""
    for spec in specs:
        size = plan(*upright, spec).size
        others = [one for one in specs if one is not spec]
        least = gap_size(*upright, others)
        is_whole = spec.fit is not Fit.COVER and size[0] <= upright[0] and size[1] <= upright[1]
        if is_whole and size[0] >= least[0] and size[1] >= least[1]:
            yield size
