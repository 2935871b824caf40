"""The step `resize`: the pixels of each rendition, upright and in sRGB."""

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from raythumbs.imaging.colour import to_srgb
from raythumbs.imaging.orientation import upright
from raythumbs.imaging.pixels import Pixels
from raythumbs.imaging.plan import largest_scale, plan
from raythumbs.imaging.resample import on_canvas
from raythumbs.model.photo import Fit, RenditionSpec


class Resizer:
    """Makes renditions of one photo, the largest first. Each is made of the smallest pixels that suffice.

    Smaller pixels give a more accurate rendition than the decoder's pixels, and a faster one.
    """

    def __init__(self, photo: Pixels) -> None:
        self._wholes = [photo]  # pixels of the whole photo, ever smaller

    def order(self, specs: Sequence[RenditionSpec]) -> Sequence[RenditionSpec]:
        """Return the specs in the order in which to resize them."""
        photo = self._wholes[0]
        return sorted(specs, key=lambda spec: largest_scale(*photo.size, [spec]), reverse=True)

    def resize(self, spec: RenditionSpec) -> Image.Image:
        """Return the spec's rendition: now few pixels are left to convert to sRGB and to turn."""
        pixels = self._smallest_for(spec)
        way = plan(*pixels.size, spec)
        resampled = replace(pixels, picture=pixels.resampled(way.size, way.box), covered=way.size)
        if spec.fit in {Fit.INSIDE, Fit.CONTAIN} and way.size < pixels.covered:
            self._wholes.append(resampled)
        return on_canvas(upright(to_srgb(resampled.picture, pixels.profile), pixels.turn), way.canvas)

    def _smallest_for(self, spec: RenditionSpec) -> Pixels:
        return next((pixels for pixels in reversed(self._wholes) if pixels.suffice(spec)), self._wholes[0])
