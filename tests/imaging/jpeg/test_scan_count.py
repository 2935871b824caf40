import pytest

from raythumbs.errors import TooLarge
from raythumbs.imaging import render
from raythumbs.model.photo import RenditionSpec
from tests.cpu_time import within_cpu
from tests.imaging.pictures import LIMITS, photograph, saved, thumbnail


@pytest.mark.parametrize("times", [3, 1000])
def test_a_jpeg_of_more_scans_than_anyone_needs_is_refused_before_they_are_decoded(times: int) -> None:
    file = saved(photograph("temple", times=3), "JPEG", progressive=True)
    second, last = file.index(b"\xff\xc4", file.index(b"\xff\xda")), file.rindex(b"\xff\xc4")
    bomb = file[:second] + file[last:-2] * times + file[second:]

    if times < 100:
        assert max(thumbnail(bomb, width=1500, height=1500).size) == 1500
    else:
        within_cpu(1, lambda: refused(bomb, RenditionSpec(width=1500, height=1500)))


def refused(bomb: bytes, spec: RenditionSpec) -> None:
    with pytest.raises(TooLarge, match="more than 500 scans"):
        render(bomb, [spec], LIMITS)
