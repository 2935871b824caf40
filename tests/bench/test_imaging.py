from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from raythumbs.bench.imaging import draw_kinds, run
from raythumbs.bench.plans import ImagingPlan
from raythumbs.bench.report import BenchFailed
from raythumbs.bench.thumbnailers import thumbnailers
from raythumbs.model.photo import Format

pytestmark = pytest.mark.needs("time")


def test_every_contestant_is_measured_on_every_picture_it_can_read(tmp_path: Path) -> None:
    for name, photo in draw_kinds(0.1).items():
        if name in {"camera JPEG 4:2:0", "camera JPEG progressive", "PNG"}:
            (tmp_path / name.replace(":", "")).write_bytes(photo)

    report = run(ImagingPlan(pictures=tmp_path, size=[50, 100], runs=1), say=print)

    rows = report.figures["rows"]
    ours, vips = ([row for row in rows if row.contestant == name] for name in ("raythumbs", "pyvips"))
    apart = [row for row in rows if row.contestant == "raythumbs-sandboxed"]
    assert len(ours) == len(apart) == len(vips) == 3 * 2
    for other in ("raythumbs, gap 1.25", "raythumbs, by Pillow"):
        assert [row.contestant for row in rows].count(other) == 3 * 2
    assert all(row.cpu_ms > 0 and row.psnr_db > 20 and row.output_bytes > 500 for row in [*ours, *vips])
    assert all(row.psnr_db > 40 and row.ratio == 1 for row in ours)
    assert [(row.psnr_db, row.output_bytes) for row in apart] == [(row.psnr_db, row.output_bytes) for row in ours]
    assert all(row.cpu_ms > 0 for row in apart)
    assert set(report.as_json()) == {"machine", "rows", "equal_scores", "missing"}
    assert report.tables[0].row_count == len(rows)


def test_a_peer_that_cannot_read_a_picture_reports_it_and_continues() -> None:
    photo = draw_kinds(0.1)["PNG"]

    with thumbnailers() as (here, _):
        vips = next(one for one in here if one.name == "pyvips")
        with pytest.raises(BenchFailed):
            vips.thumbnail(b"no picture", 50, Format.JPEG)
        made = vips.thumbnail(photo, 50, Format.JPEG)

    with Image.open(BytesIO(made.data)) as thumbnail:
        assert max(thumbnail.size) == 50
