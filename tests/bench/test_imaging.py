from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from raythumbs.bench.contestants import PeerFailed, contestants
from raythumbs.bench.imaging import draw_kinds, run_imaging
from raythumbs.model.photo import Format


def test_every_contestant_is_measured_on_every_picture_it_can_read(tmp_path: Path) -> None:
    for name, photo in draw_kinds(0.1).items():
        if name in {"camera JPEG 4:2:0", "camera JPEG progressive", "PNG"}:
            (tmp_path / name.replace(":", "")).write_bytes(photo)

    result = run_imaging(tmp_path, sizes=[50, 100], runs=1)

    ours, vips = ([row for row in result.rows if row.contestant == name] for name in ("raythumbs", "pyvips"))
    apart = [row for row in result.rows if row.contestant == "raythumbs-sandboxed"]
    assert len(ours) == len(apart) == len(vips) == 3 * 2
    assert [row.contestant for row in result.rows].count("raythumbs, gap 1.25") == 3 * 2
    assert all(row.cpu_ms > 0 and row.psnr_db > 20 and row.output_bytes > 500 for row in [*ours, *vips])
    assert all(row.psnr_db > 40 for row in ours)
    assert [(row.psnr_db, row.output_bytes) for row in apart] == [(row.psnr_db, row.output_bytes) for row in ours]
    assert all(row.cpu_ms > 0 for row in apart)
    assert set(result.as_dict()) == {"rows", "missing"}
    assert result.as_table().row_count == len(result.rows)


def test_a_peer_that_cannot_read_a_picture_says_so_and_goes_on() -> None:
    photo = draw_kinds(0.1)["PNG"]

    with contestants("0") as (here, _):
        vips = next(one for one in here if one.name == "pyvips")
        with pytest.raises(PeerFailed):
            vips.thumbnail(b"no picture", 50, Format.JPEG)
        made = vips.thumbnail(photo, 50, Format.JPEG)

    with Image.open(BytesIO(made.data)) as thumbnail:
        assert max(thumbnail.size) == 50
