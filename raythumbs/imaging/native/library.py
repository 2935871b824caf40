"""The library of decoders in C, as ctypes loads it."""

import ctypes
import platform
from functools import cache
from typing import Any

from raythumbs.events import emit_warning
from raythumbs.imaging.native.compiler import library_for


@cache
def loaded() -> ctypes.CDLL | None:
    """Return the library, or None if there is none for this machine."""
    try:
        library = ctypes.CDLL(str(library_for(platform.machine())))
    except OSError:
        return None
    into: tuple[Any, ...] = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int)
    library.raythumbs_decode_jpeg.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_bool, *into]
    library.raythumbs_decode_jpeg_file.argtypes = [ctypes.c_int, *into]
    waves = (ctypes.POINTER(ctypes.c_double), ctypes.c_int)
    picture = (ctypes.c_char_p, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int)
    library.raythumbs_sum_waves.argtypes = [*picture, *waves, *waves, ctypes.POINTER(ctypes.c_double)]
    head = (ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int)
    library.raythumbs_begin_png.argtypes = [*head, ctypes.c_char_p, ctypes.c_bool, ctypes.c_void_p, *into]
    library.raythumbs_begin_png.restype = ctypes.c_void_p
    library.raythumbs_take_png.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
    library.raythumbs_take_png.restype = ctypes.c_bool
    library.raythumbs_end_png.argtypes = [ctypes.c_void_p]
    library.raythumbs_end_png.restype = ctypes.c_bool
    library.raythumbs_sources.restype = ctypes.c_char_p
    return library


def tell_missing() -> None:
    """Write a line in the log if the library is not there."""
    if loaded() is None:
        emit_warning("decoder.slower", missing=library_for(platform.machine()).name)
