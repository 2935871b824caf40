"""The margin of a GIF whose first frame is smaller than its canvas. It is transparent in browsers.

Pillow fills the margin with the first colour of the palette.
"""

from PIL import GifImagePlugin, Image

Box = tuple[int, int, int, int]


def framed_box(picture: Image.Image) -> Box | None:
    """Return the place of the frame if there is a margin that is not transparent already. Ask before decoding."""
    if not isinstance(picture, GifImagePlugin.GifImageFile) or "transparency" in picture.info or not picture.tile:
        return None
    box = picture.tile[0].extents
    return None if box is None or box == (0, 0, *picture.size) else box


def with_clear_margin(picture: Image.Image, box: Box) -> Image.Image:
    """Return the decoded picture as RGBA, transparent outside of the box."""
    alpha = Image.new("L", picture.size, 0)
    alpha.paste(255, box)
    clear = picture.convert("RGBA")
    clear.putalpha(alpha)
    return clear
