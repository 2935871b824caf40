"""Other bytes in place of a file's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from raythumbs.imaging.heif.boxes import size_of
from raythumbs.imaging.mend.spliced import Piece, spliced


@dataclass(frozen=True, slots=True, order=True)
class Patch:
    """Bytes that stand at a place of the file in place of as many others."""

    place: int
    data: bytes


def patched(
    file: BinaryIO, patches: Sequence[Patch], *, upto: int | None = None, then: Sequence[Piece] = ()
) -> BinaryIO:
    """Return the file up to a place, with patches, which do not overlap, and then with more pieces of it."""
    if not patches and not then:
        return file
    pieces: list[Piece] = []
    at = 0
    for patch in sorted(patches):
        pieces += [(at, patch.place), patch.data]
        at = patch.place + len(patch.data)
    return spliced(file, [*pieces, (at, size_of(file) if upto is None else upto), *then])
