"""A file as a decoder is to read it."""

from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class Mended:
    """A file, and what was wrong with it without being worth a refusal."""

    file: BinaryIO
    notes: tuple[str, ...] = ()
