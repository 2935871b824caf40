"""The library of decoders in C, as ctypes loads it."""

import ctypes
import platform
from functools import cache
from pathlib import Path
from typing import Any

from raythumbs.events import emit_warning
from raythumbs.imaging.native.compiler import library_for, sources_hash


@cache
def loaded() -> ctypes.CDLL | None:
    """Return the library, or None if there is none for this machine, or one that was compiled from other sources."""
    try:
        library = ctypes.CDLL(str(_file()))
        library.raythumbs_sources.restype = ctypes.c_char_p
    except (OSError, AttributeError):
        return None
    if library.raythumbs_sources() != sources_hash().encode():
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
    return library


def tell_missing() -> None:
    """Write a line in the log if the library is not there, or is an old one."""
    if loaded() is None:
        what = "old" if _file().exists() else "missing"
        emit_warning("decoder.slower", **{what: _file().name}, advice="install raythumbs again, with a C compiler")


def _file() -> Path:
    return library_for(platform.machine())
