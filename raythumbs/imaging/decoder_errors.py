"""What the errors of decoders mean. Pillow and its libraries raise many types; the meaning is in the text."""

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
_OTHER_KIND = ("unsupported feature", "unsupported file-type")  # libheif
_LIMIT = ("security limit", "too large", "too much memory")


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
    text = str(error)
    if is_about_a_limit(text):
        return TooLarge(text)
    if is_about_memory(text):
        return MemoryError(text)
    if is_about_the_kind(text):
        return UnsupportedFormat(text)
    if is_about_the_end(text):
        return Truncated(text)
    return Corrupt(text or type(error).__name__)


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
