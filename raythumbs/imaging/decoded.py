"""What `decode` returns."""

from dataclasses import dataclass

from PIL import Image


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture with its pixels, and the size of the photo's part that they show, in the photo's pixels as they lie.

    `notes` are what was wrong with the file without being worth a refusal.
    """

    picture: Image.Image
    stored: tuple[int, int]
    covered: tuple[float, float]
    notes: tuple[str, ...] = ()
