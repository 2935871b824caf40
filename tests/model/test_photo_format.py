"""The one list of the formats that photos may have, and what else says which they are."""

from pathlib import Path

import pytest

from raythumbs.manual import FOLDER
from raythumbs.model.photo_format import PHOTO_FORMATS, file_chooser_types, photo_format_names, photo_types

NAMES = "JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF and HEIC"
README = Path(__file__).parents[2] / "README.md"


def test_the_names_make_a_part_of_a_sentence():
    assert photo_format_names() == NAMES
    assert photo_format_names(PHOTO_FORMATS[:2]) == "JPEG and PNG"


@pytest.mark.parametrize("page", [README, FOLDER / "sizes-and-formats.md"])
def test_the_manual_names_every_format(page):
    assert photo_format_names() in page.read_text(encoding="utf-8")


def test_no_document_with_scripts_is_a_photo():
    assert photo_types().isdisjoint({"image/svg+xml", "text/html", "application/pdf"})


def test_a_file_chooser_shows_photos_whose_types_a_system_does_not_know():
    assert {"image/*", ".heic", ".heif", ".avif", ".jpg"} <= set(file_chooser_types().split(","))
