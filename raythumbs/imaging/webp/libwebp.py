"""libwebp as Python sees it: decoding at a smaller size, for which Pillow has no function.

The functions are those of the library that Pillow's own module is linked with. Layouts are those of libwebp's
`webp/decode.h`, whose ABI has been 2 (0x0200 and above) since 2012; the library refuses another.
"""

import ctypes
from functools import cache

from PIL import Image

_ABI = 0x0209  # WEBP_DECODER_ABI_VERSION
_OK = 0  # VP8_STATUS_OK
_OUT_OF_MEMORY = 1  # VP8_STATUS_OUT_OF_MEMORY
_RGBA = 1  # MODE_RGBA
_LOSSY = 1  # WebPBitstreamFeatures.format
_BYTES_OF_PIXEL = 4


class _Features(ctypes.Structure):
    _fields_ = (
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("has_alpha", ctypes.c_int),
        ("has_animation", ctypes.c_int),
        ("format", ctypes.c_int),
        ("pad", ctypes.c_uint32 * 5),
    )


class _Pixels(ctypes.Structure):
    _fields_ = (("rgba", ctypes.c_void_p), ("stride", ctypes.c_int), ("size", ctypes.c_size_t))


class _Planes(ctypes.Structure):
    _fields_ = (("planes", ctypes.c_void_p * 4), ("strides", ctypes.c_int * 4), ("sizes", ctypes.c_size_t * 4))


class _PixelsOrPlanes(ctypes.Union):
    _fields_ = (("pixels", _Pixels), ("planes", _Planes))


class _Buffer(ctypes.Structure):
    _fields_ = (
        ("colorspace", ctypes.c_int),
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("is_external_memory", ctypes.c_int),
        ("u", _PixelsOrPlanes),
        ("pad", ctypes.c_uint32 * 4),
        ("private_memory", ctypes.c_void_p),
    )


class _Options(ctypes.Structure):
    _fields_ = (
        ("bypass_filtering", ctypes.c_int),
        ("no_fancy_upsampling", ctypes.c_int),
        ("use_cropping", ctypes.c_int),
        ("crop", ctypes.c_int * 4),
        ("use_scaling", ctypes.c_int),
        ("scaled_width", ctypes.c_int),
        ("scaled_height", ctypes.c_int),
        ("others", ctypes.c_int * 4),
        ("pad", ctypes.c_uint32 * 5),
    )


class _Config(ctypes.Structure):
    _fields_ = (("input", _Features), ("output", _Buffer), ("options", _Options))


def scaled(file: bytes, size: tuple[int, int]) -> Image.Image | None:
    """Return the picture of a lossy WebP without alpha at this size, each side at least one pixel and none enlarged.

    Returns None for any other WebP, for a file that is not sound, and if libwebp cannot be called. Raises MemoryError.
    """
    webp = library()
    config = _Config()
    if webp is None or not webp.WebPInitDecoderConfigInternal(ctypes.byref(config), _ABI):
        return None
    seen = config.input
    status = webp.WebPGetFeaturesInternal(file, len(file), ctypes.byref(seen), _ABI)
    if status != _OK or seen.format != _LOSSY or seen.has_alpha or seen.has_animation:
        return None
    width, height = size
    pixels = bytearray(width * height * _BYTES_OF_PIXEL)
    first = ctypes.c_char.from_buffer(pixels)
    config.output.colorspace = _RGBA
    config.output.is_external_memory = 1
    config.output.u.pixels = _Pixels(ctypes.addressof(first), width * _BYTES_OF_PIXEL, len(pixels))
    config.options.use_scaling = 1
    config.options.scaled_width, config.options.scaled_height = size
    status = webp.WebPDecode(file, len(file), ctypes.byref(config))
    if status == _OUT_OF_MEMORY:
        raise MemoryError
    return Image.frombuffer("RGB", size, pixels, "raw", "RGBX", 0, 1) if status == _OK else None


@cache
def library() -> ctypes.CDLL | None:
    """Return the functions of libwebp, or None if Pillow's module does not lead to them."""
    try:
        from PIL import _webp

        webp = ctypes.CDLL(_webp.__file__)  # a module's symbols are also those of the libraries that it needs
        webp.WebPInitDecoderConfigInternal.argtypes = [ctypes.c_void_p, ctypes.c_int]
        webp.WebPGetFeaturesInternal.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int]
        webp.WebPDecode.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p]
    except (ImportError, OSError, AttributeError):
        return None
    return webp
