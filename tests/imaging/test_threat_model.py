"""What Pillow's security page advises, where the source itself shows that it is followed."""

import ast
from pathlib import Path

import PIL.Image
import pytest

import raythumbs.imaging
from raythumbs.imaging import Limits, probe, render
from raythumbs.model.photo import RenditionSpec
from tests.imaging.pictures import four_corners, saved

SOURCES = sorted(Path(raythumbs.imaging.__file__).parent.rglob("*.py"))
TREES = {path.name: ast.parse(path.read_text()) for path in SOURCES}


def names_in(tree: ast.AST) -> set[str]:
    nodes = list(ast.walk(tree))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    imported = {alias.name for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names}
    return names | attributes | imported


@pytest.mark.parametrize("name", ["ImageMath", "unsafe_eval", "lambda_eval", "eval", "exec", "LOAD_TRUNCATED_IMAGES"])
def test_no_text_is_evaluated_and_no_cut_file_is_taken_for_whole(name: str) -> None:
    assert [file for file, tree in TREES.items() if name in names_in(tree)] == []


def test_pillow_opens_nothing_without_a_list_of_formats() -> None:
    opens = [
        node
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Image.open"
    ]

    assert len(opens) >= 3
    assert all("formats" in {keyword.arg for keyword in node.keywords} for node in opens)


def test_drawings_and_documents_are_on_no_list_of_formats() -> None:
    assert set(probe.FORMATS).isdisjoint(
        {"EPS", "PDF", "PSD", "FITS", "DDS", "ICNS", "FLI", "WMF", "GRIB", "HDF5", "FPX"}
    )


def test_pillows_own_limit_of_pixels_stays_set() -> None:
    render(saved(four_corners(), "PNG"), [RenditionSpec()], Limits())

    assert PIL.Image.MAX_IMAGE_PIXELS is not None
