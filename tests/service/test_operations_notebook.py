"""The notebook for operators runs from top to bottom on a small backfill, and draws what it says."""

from pathlib import Path

import nbformat
import pytest

from tests.kernels import run_notebook

HOUSE = Path(__file__).parents[2]
NOTEBOOK = HOUSE / "notebooks" / "operations.ipynb"


@pytest.mark.needs("time", "packages")
@pytest.mark.timeout(300)
def test_the_notebook_for_operators_watches_a_service_at_work_and_draws_every_chart(service, monkeypatch, tmp_path):
    for name, value in {"URL": service.url, "PHOTOS": "8", "SIZE_MB": "0.2", "UPLOADS": "2"}.items():
        monkeypatch.setenv(f"RAYTHUMBS_NOTEBOOK_{name}", value)
    notebook = nbformat.read(NOTEBOOK, as_version=4)

    run_notebook(notebook, cwd=HOUSE, ipython=tmp_path)

    charts = [cell for cell in notebook.cells if "chart" in cell.metadata.get("tags", ())]
    for cell in charts:
        assert [list(output.data) for output in cell.outputs] == [["text/plain", "image/png"]], cell.source
    (latency,) = (cell for cell in notebook.cells if cell.source.endswith("\nof_photos"))
    told = latency.outputs[0].data["text/plain"]
    assert "high" in told
    assert "low" in told
