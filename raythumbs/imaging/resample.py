"""Resamples pixels with Lanczos, and centres them on a canvas."""

from PIL import Image

from raythumbs.imaging.orientation import Box

# Pixels are averaged in whole blocks first, down to this many times the size; Lanczos does the rest. At 2.0 a thumbnail
# is 2 dB further from Lanczos alone, and a thumbnail of a larger thumbnail is further than one of the photo. At 4.0 it
# costs a third more.
REDUCING_GAP = 2.5
_MOST_OF = 0.95  # of the picture's width


def resample(picture: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    """Resample the box to the size. The colours of transparent pixels do not bleed into their neighbours."""
    if size == picture.size and box == (0.0, 0.0, float(size[0]), float(size[1])):
        return picture
    if picture.mode == "RGBA":
        return _lanczos(picture.convert("RGBa"), size, box).convert("RGBA")
    return _lanczos(picture, size, box)


def on_canvas(picture: Image.Image, canvas: tuple[int, int]) -> Image.Image:
    """Centre the picture on a canvas, which is transparent if the picture has alpha, and else white."""
    if picture.size == canvas:
        return picture
    ground = Image.new(picture.mode, canvas, (255, 255, 255, 0) if picture.mode == "RGBA" else "white")
    ground.paste(picture, ((canvas[0] - picture.width) // 2, (canvas[1] - picture.height) // 2))
    return ground


def _lanczos(picture: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    """Resample the columns first where the box is nearly the whole width and shrinks to a fifth at most.

    Pillow resamples the rows first. Its pass over columns is the faster one, so it does the first and larger half of
    the work here. That takes 11 % less time.
    """
    left, top, right, bottom = box
    shrunk = max((right - left) / size[0], (bottom - top) / size[1])
    if right - left < _MOST_OF * picture.width or shrunk >= 2 * REDUCING_GAP:
        return picture.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=REDUCING_GAP)
    columns = picture.resize((picture.width, size[1]), Image.Resampling.LANCZOS, (0, top, picture.width, bottom))
    return columns.resize(size, Image.Resampling.LANCZOS, (left, 0, right, size[1]))
