"""The notebook runs from top to bottom, and draws what it says."""

import secrets
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from raythumbs.bench.meter import MARK, Family
from tests.kernels import run_notebook

HOUSE = Path(__file__).parent.parent
NOTEBOOK = HOUSE / "notebooks" / "throughput.ipynb"
CHARTS = {NOTEBOOK: 6, HOUSE / "notebooks" / "operations.ipynb": 4}
SMALL = {
    "PHOTOS": "6", "SIZE_MB": "0.3", "STORE_LATENCIES_MS": "[0]", "PEERS": "false", "GROWTH": "[3, 6]", "UPLOADS": "3",
}  # fmt: skip


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


@pytest.fixture
def notebook() -> NotebookNode:
    return read(NOTEBOOK)


@pytest.fixture
def small(monkeypatch) -> None:
    for name, value in SMALL.items():
        monkeypatch.setenv(f"RAYTHUMBS_NOTEBOOK_{name}", value)


def charts(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if "chart" in cell.metadata.get("tags", ())]


@pytest.mark.parametrize("path", CHARTS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_what_it_showed(path):
    code = [cell for cell in read(path).cells if cell.cell_type == "code"]

    assert [cell.source for cell in code if cell.outputs or cell.execution_count is not None] == []


@pytest.mark.parametrize("path", CHARTS, ids=lambda path: path.stem)
def test_a_text_before_each_chart_explains_it(path):
    notebook = read(path)
    explained = [before for before in notebook.cells if "**How to read it.**" in before.source]

    assert len(explained) == len(charts(notebook)) == CHARTS[path]


@pytest.mark.needs("time", "packages")
def test_the_notebook_finds_its_modules_from_its_folder(notebook, small, tmp_path):
    [last] = [number for number, cell in enumerate(notebook.cells) if cell.source.endswith("\nplan")]
    notebook.cells = notebook.cells[: last + 1]

    run_notebook(notebook, cwd=NOTEBOOK.parent, ipython=tmp_path)

    assert "photos=6" in notebook.cells[last].outputs[0].data["text/plain"]  # the environment's, not the cell's


@pytest.mark.timeout(300)
@pytest.mark.needs("nginx")
@pytest.mark.needs("time", "packages")
def test_the_notebook_runs_from_the_root_draws_every_chart_and_leaves_nothing_behind(notebook, small, tmp_path):
    mark = secrets.token_hex(8)

    run_notebook(notebook, cwd=HOUSE, ipython=tmp_path, **{MARK: mark})

    for cell in charts(notebook):
        assert [list(output.data) for output in cell.outputs] == [["text/plain", "image/png"]], cell.source
    assert Family(mark).members() == []
