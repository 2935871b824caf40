"""Resamples pixels with Lanczos, and centres them on a canvas."""

from PIL import Image

from raythumbs.imaging.lanczos import lanczos
from raythumbs.imaging.orientation import Box


def resample(picture: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    """Resample the box to the size. The colours of transparent pixels do not bleed into their neighbours."""
    if size == picture.size and box == (0.0, 0.0, float(size[0]), float(size[1])):
        return picture
    return lanczos(picture, size, box)


def on_canvas(picture: Image.Image, canvas: tuple[int, int]) -> Image.Image:
    """Centre the picture on a canvas, which is transparent if the picture has alpha, and else white."""
    if picture.size == canvas:
        return picture
    ground = Image.new(picture.mode, canvas, (255, 255, 255, 0) if picture.mode == "RGBA" else "white")
    ground.paste(picture, ((canvas[0] - picture.width) // 2, (canvas[1] - picture.height) // 2))
    return ground
