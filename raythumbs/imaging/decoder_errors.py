"""What the errors of decoders mean. Pillow and its libraries raise many types; the meaning is in the text."""

import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from raythumbs.errors import BadPicture, Corrupt, TooLarge, Truncated, UnsupportedFormat

# The errors that decoders raise for bad bytes: the list of Pillow's own fuzzer (Tests/oss-fuzz), and those that our
# fuzzer found besides.
_BAD = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, RuntimeError, struct.error)
_BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_END = ("truncated", "premature", "unexpected end", "end of file", "eof", "unpack requires", "index out of range")
_MEMORY = ("memory allocation error", "out of memory")
_OTHER_KIND = (
    "unsupported feature",
    "unsupported file-type",
)  # libheif: of a kind that it does not read
_LIMIT = ("security limit", "too large", "too much memory")
_SLIPS = (LookupError, TypeError, ArithmeticError, AttributeError, struct.error)  # of a decoder, over bad bytes
_UNREAD = ("Unsupported BMP", "cannot handle")
_CODED = (
    "decoder error",
    "data stream",
    "codec configuration",
    "could not create decoder object",
    "next frame",
    "not enough image data",
)
# In the messages of Python's own errors, and of a KeyError, which is the key alone.
_PYTHONS = re.compile(
    r"^-?\d+$|^'.*'$|index out of range|unpack|subscriptable|NoneType|' object|codec can't|invalid literal|range\("
    r"|argument|must be|divi(?:sion|de)|can't convert|cannot convert|\bstr\b|\bint\b|\bbytes\b-like|\(\)"
)

ENDS_TOO_SOON = "the file ends before the picture does"
BROKEN_HEAD = "a part of the file is shorter than it should be, or has a value that makes no sense"
BROKEN_PIXELS = "the pixels' data is broken"


@contextmanager
def translated() -> Iterator[None]:
    """Turn a decoder's errors into TooLarge, MemoryError, UnsupportedFormat, Truncated or Corrupt."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (BadPicture, MemoryError):
        raise
    except _BOMB as error:
        raise TooLarge(str(error)) from error
    except _BAD as error:
        raise _meaning(error) from error


def _meaning(error: Exception) -> BadPicture | MemoryError:
    """Return the error that a decoder's error stands for. Its text is shown only if it is a sentence for a person."""
    text = str(error)
    if is_about_a_limit(text):
        return TooLarge(text)
    if is_about_memory(text):
        return MemoryError(text)
    if is_about_the_kind(text) or text.startswith(_UNREAD):
        return UnsupportedFormat(f"{text}: this kind is not read")
    if is_about_the_end(text):
        return Truncated(ENDS_TOO_SOON)
    if isinstance(error, _SLIPS) or is_no_sentence(text):
        return Corrupt(BROKEN_HEAD)
    return Corrupt(BROKEN_PIXELS if _has_any(text, _CODED) else text)


def is_no_sentence(text: str) -> bool:
    """Return whether a decoder's message is Python's own, which says nothing to a person."""
    return not text or bool(_PYTHONS.search(text))


def is_about_the_kind(text: str) -> bool:
    """Return whether a decoder's message is about a kind of picture that it does not read."""
    return _has_any(text, _OTHER_KIND)


def is_about_the_end(text: str) -> bool:
    """Return whether a decoder's message is about a file that ends too soon."""
    return _has_any(text, _END)


def is_about_memory(text: str) -> bool:
    """Return whether a decoder's message is about memory that it could not allocate."""
    return _has_any(text, _MEMORY)


def is_about_a_limit(text: str) -> bool:
    """Return whether a decoder's message is about a limit of its own on the picture's size."""
    return _has_any(text, _LIMIT)


def _has_any(text: str, phrases: tuple[str, ...]) -> bool:
    return any(phrase in text.lower() for phrase in phrases)
