"""The step `orient`: a photo's pixels, with all sizes as a person sees the photo."""

from dataclasses import dataclass

from PIL import Image

from raythumbs.imaging.decoded import Decoded
from raythumbs.imaging.orientation import Box, lying, sideways
from raythumbs.imaging.plan import gap_size
from raythumbs.imaging.resample import resample
from raythumbs.model.photo import RenditionSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixels:
    """A photo's pixels at some scale, as they lie in the file.

    The sizes are those of the upright photo: `size` is the photo's own, and `covered` is how much of these pixels the
    photo covers. At 1/4, the 1281 rows of a JPEG cover 320.25 of 321 rows. `profile` is the pixels' colour profile;
    `notes` are faults of the photo that are no reason to refuse it.
    """

    picture: Image.Image
    turn: int
    size: tuple[int, int]
    covered: tuple[float, float]
    profile: bytes | None = None
    notes: tuple[str, ...] = ()

    def suffice(self, spec: RenditionSpec) -> bool:
        """Return whether they are large enough for an accurate rendition."""
        return all(has >= needs for has, needs in zip(self.covered, gap_size(*self.size, [spec]), strict=True))

    def resampled(self, size: tuple[int, int], box: Box) -> Image.Image:
        """Resample a box of the upright photo to an upright size. The result lies as these pixels lie."""
        (left, right), (top, bottom) = (
            [min(has, at * has / whole) for at in ends]  # a rounding error must not lead outside
            for ends, has, whole in zip((box[::2], box[1::2]), self.covered, self.size, strict=True)
        )
        scaled = (left, top, right, bottom)
        return resample(self.picture, sideways(size, self.turn), lying(scaled, self.covered, self.turn))


def orient(decoded: Decoded, turn: int) -> Pixels:
    """Return the decoded pixels of a photo of this orientation, with the upright sizes.

    The pixels are not turned yet: each rendition is turned, because it is much smaller.
    """
    return Pixels(
        picture=decoded.picture,
        turn=turn,
        size=sideways(decoded.stored, turn),
        covered=sideways(decoded.covered, turn),
    )
