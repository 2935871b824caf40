"""libde265 as Python sees it: a picture's planes as they were decoded, without the last two filters.

The functions are those of the library that pillow-heif's own module is linked with. Their types are those of libde265's
`de265.h`, which have stayed the same since 1.0. libheif calls the same functions for the same data.

Deblocking and sample-adaptive offset smooth what coding left at the edges of blocks. Nothing else in a picture without
motion is predicted from what they make, so leaving them out changes nothing but these edges.
"""

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from PIL import Image

_OK = 0  # DE265_OK
_NO_THREADS = 1000  # DE265_WARNING_NO_WPP_CANNOT_USE_MULTITHREADING: of data that one thread decodes from first to last
_SUPPRESS_FAULTY_PICTURES, _DISABLE_DEBLOCKING, _DISABLE_SAO = 6, 7, 8  # enum de265_param
_ASKED = (_SUPPRESS_FAULTY_PICTURES, _DISABLE_DEBLOCKING, _DISABLE_SAO)
_YES = 1
_CHROMA_420 = 1  # de265_chroma_420
_BITS = 8
_CHANNELS = range(3)
_MOST_STEPS = 1 << 12  # of one picture; each takes a unit, and there are few
_PICTURE = ctypes.c_void_p


@dataclass(frozen=True, slots=True)
class Planes:
    """The samples of Y, Cb and Cr, and the matrix and range that the coded data names (ITU-T H.273).

    The planes are the decoder's memory.
    """

    y: Image.Image
    cb: Image.Image
    cr: Image.Image
    matrix: int
    full_range: bool


@contextmanager
def decoded_planes(units: Sequence[bytes]) -> Iterator[Planes | None]:
    """Give the planes of the picture that these units of coded data make, while the context lasts.

    Gives None if the decoder complains about anything, or makes another kind of picture than one of 8 bits in 4:2:0.
    """
    functions = library()
    decoder = functions.de265_new_decoder() if functions is not None else None
    if functions is None or decoder is None:
        yield None
        return
    try:
        for asked in _ASKED:
            functions.de265_set_parameter_bool(decoder, asked, _YES)
        if functions.de265_start_worker_threads(decoder, 1) != _OK:  # as libheif: damaged data then looks the same
            yield None
            return
        picture = _picture(functions, decoder, units)
        yield None if picture is None else _planes(functions, picture)
    finally:
        functions.de265_free_decoder(decoder)


@cache
def library() -> ctypes.CDLL | None:
    """Return the functions of libde265, or None if pillow-heif's module does not lead to them."""
    try:
        module = import_module("_pillow_heif").__file__
        de265 = ctypes.CDLL(module)  # a module's symbols are also those of the libraries that it needs
        _declare(de265)
    except (ImportError, OSError, AttributeError):
        return None
    return de265


def _declare(de265: ctypes.CDLL) -> None:
    pointer, number = ctypes.c_void_p, ctypes.c_int
    into = ctypes.POINTER(number)
    types: dict[str, tuple[Any, tuple[Any, ...]]] = {
        "new_decoder": (pointer, ()),
        "free_decoder": (number, (pointer,)),
        "start_worker_threads": (number, (pointer, number)),
        "set_parameter_bool": (None, (pointer, number, number)),
        "push_NAL": (number, (pointer, ctypes.c_char_p, number, ctypes.c_int64, pointer)),
        "flush_data": (number, (pointer,)),
        "decode": (number, (pointer, into)),
        "get_warning": (number, (pointer,)),
        "get_next_picture": (pointer, (pointer,)),
        "get_image_width": (number, (_PICTURE, number)),
        "get_image_height": (number, (_PICTURE, number)),
        "get_chroma_format": (number, (_PICTURE,)),
        "get_bits_per_pixel": (number, (_PICTURE, number)),
        "get_image_plane": (pointer, (_PICTURE, number, into)),
        "get_image_matrix_coefficients": (number, (_PICTURE,)),
        "get_image_full_range_flag": (number, (_PICTURE,)),
    }
    for name, (result, arguments) in types.items():
        function = getattr(de265, f"de265_{name}")
        function.restype, function.argtypes = result, arguments


def _picture(de265: ctypes.CDLL, decoder: int, units: Sequence[bytes]) -> int | None:
    """Return the decoder's picture, or None if anything is wrong with it."""
    for unit in units:
        if de265.de265_push_NAL(decoder, unit, len(unit), 0, None) != _OK:
            return None
    if de265.de265_flush_data(decoder) != _OK:
        return None
    more, picture = ctypes.c_int(1), None
    for _ in range(_MOST_STEPS):
        if de265.de265_decode(decoder, ctypes.byref(more)) != _OK or _has_warnings(de265, decoder):
            return None
        picture = de265.de265_get_next_picture(decoder)
        if picture is not None or not more.value:
            break
    return picture


def _has_warnings(de265: ctypes.CDLL, decoder: int) -> bool:
    while (warning := de265.de265_get_warning(decoder)) == _NO_THREADS:
        pass
    return bool(warning != _OK)


def _planes(de265: ctypes.CDLL, picture: int) -> Planes | None:
    if de265.de265_get_chroma_format(picture) != _CHROMA_420:
        return None
    if any(de265.de265_get_bits_per_pixel(picture, channel) != _BITS for channel in _CHANNELS):
        return None
    y, cb, cr = (_plane(de265, picture, channel) for channel in _CHANNELS)
    matrix = de265.de265_get_image_matrix_coefficients(picture)
    return Planes(y, cb, cr, matrix, full_range=bool(de265.de265_get_image_full_range_flag(picture)))


def _plane(de265: ctypes.CDLL, picture: int, channel: int) -> Image.Image:
    width, height = de265.de265_get_image_width(picture, channel), de265.de265_get_image_height(picture, channel)
    stride = ctypes.c_int()
    place = de265.de265_get_image_plane(picture, channel, ctypes.byref(stride))
    # Pillow wants whole rows. Of the last one, which may end sooner in memory, it reads the picture's width alone.
    samples = (ctypes.c_ubyte * (stride.value * height)).from_address(place)
    return Image.frombuffer("L", (width, height), samples, "raw", "L", stride.value, 1)
