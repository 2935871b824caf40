from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from raythumbs.imaging.plan import plan
from raythumbs.model.photo import Fit, RenditionSpec
from tests.imaging.pictures import saved, thumbnail


@given(
    size=st.tuples(st.integers(1, 500), st.integers(1, 500)),
    turn=st.integers(1, 8),
    spec=st.builds(
        RenditionSpec,
        width=st.integers(1, 80),
        height=st.integers(1, 80),
        fit=st.sampled_from(Fit),
        enlarge=st.booleans(),
    ),
    written_as=st.sampled_from(["JPEG", "PNG"]),
)
@settings(max_examples=200)
@example(size=(1, 1), turn=1, spec=RenditionSpec(), written_as="JPEG")
@example(size=(10_000, 1), turn=1, spec=RenditionSpec(), written_as="JPEG")
@example(size=(1, 10_000), turn=6, spec=RenditionSpec(), written_as="JPEG")
@example(size=(10_000, 1), turn=6, spec=RenditionSpec(fit=Fit.COVER), written_as="PNG")
def test_a_rendition_has_the_size_that_was_planned_whatever_the_photo(
    size: tuple[int, int], turn: int, spec: RenditionSpec, written_as: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    photo = saved(Image.new("L", size, 99), written_as, exif=exif)
    width, height = size if turn <= 4 else size[::-1]

    made = thumbnail(photo, width=spec.width, height=spec.height, fit=spec.fit, enlarge=spec.enlarge)

    assert made.size == plan(width, height, spec).canvas
