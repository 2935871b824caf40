"""A spliced file reads like the bytes that its pieces make."""

from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st

from raythumbs.imaging.mend.spliced import Piece, spliced

WHOLE = bytes(range(256))


@st.composite
def places(draw: st.DrawFn) -> tuple[int, int]:
    start = draw(st.integers(0, len(WHOLE)))
    return start, draw(st.integers(start, len(WHOLE)))


def joined(pieces: list[Piece]) -> bytes:
    return b"".join(piece if isinstance(piece, bytes) else WHOLE[slice(*piece)] for piece in pieces)


@given(pieces=st.lists(places() | st.binary(max_size=20), max_size=6))
def test_a_spliced_file_holds_its_pieces_one_after_the_other(pieces: list[Piece]) -> None:
    assert spliced(BytesIO(WHOLE), pieces).read() == joined(pieces)


@given(
    pieces=st.lists(places() | st.binary(max_size=20), max_size=6),
    place=st.integers(0, 600),
    size=st.integers(0, 300),
)
def test_a_spliced_file_is_read_from_any_place(pieces: list[Piece], place: int, size: int) -> None:
    file = spliced(BytesIO(WHOLE), pieces)
    file.seek(place)
    assert file.read(size) == joined(pieces)[place : place + size]
