"""Pictures of Pillow whose pixels a library may write."""

import ctypes
from dataclasses import dataclass

from PIL import Image

_BYTES_OF_PIXEL = {"L": 1, "RGB": 4, "RGBA": 4, "CMYK": 4}


class _ArrowArray(ctypes.Structure):
    """The start of struct ArrowArray (Arrow's C data interface, which does not change)."""


_ArrowArray._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_ArrowArray))),
]
_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype = ctypes.c_void_p
_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


@dataclass(frozen=True, slots=True)
class Memory:
    """A new picture without pixels yet, and the address and the size of their memory. Rows have no gaps."""

    picture: Image.Image
    address: int
    bytes: int


def new_picture(mode: str, size: tuple[int, int]) -> Memory:
    """Return a picture of mode L, RGB, RGBA or CMYK. Pillow keeps RGB in four bytes a pixel."""
    picture = Image.Image()._new(Image.core.new_block(mode, size))  # type: ignore[attr-defined]  # noqa: SLF001
    _, capsule = picture.__arrow_c_array__()
    array = _ArrowArray.from_address(_pointer(capsule, b"arrow_array"))
    if array.n_children:
        array = array.children[0].contents
    count = picture.width * picture.height * _BYTES_OF_PIXEL[mode]
    if array.length != count or array.offset or not array.buffers[1]:
        raise ValueError(f"Pillow keeps the pixels of {mode} in another way")
    return Memory(picture, array.buffers[1], count)
