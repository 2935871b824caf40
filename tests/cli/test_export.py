"""Photos and renditions as tables."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raythumbs.cli.export_tables import PHOTOS, RENDITIONS, write_tables
from raythumbs.errors import StoreUnavailable


def a_photo(number: int, **given) -> dict:
    rendition = {
        "name": "thumbnail",
        "width": 4,
        "height": 3,
        "format": "jpeg",
        "sizeBytes": 9,
        "url": f"http://t/{number}",
    }
    return {
        "photoId": f"photo-{number}",
        "source": f's3://photos/{number}, "ä".jpg',
        "version": None,
        "folderId": None,
        "fileName": "a\nb.jpg",
        "sizeBytes": 2**40,
        "width": None,
        "height": None,
        "format": None,
        "thumbHash": None,
        "notes": ["one", "two"],
        "createdAt": "2026-01-02T03:04:05.678901Z",
        "deletedAt": None,
        "renditions": [rendition],
    } | given  # fmt: skip


PAGES = [[a_photo(1)], [a_photo(2, width=7, deletedAt="2026-01-03T00:00:00Z"), a_photo(3, renditions=[])]]


@pytest.mark.parametrize("pages", [PAGES, [], [[]]])
def test_a_parquet_file_has_every_row_and_always_the_same_columns_and_types(tmp_path, pages):
    written = dict(write_tables(pages, tmp_path / "new", "parquet"))

    tables = {path.stem: pq.read_table(path) for path in written}
    assert (
        [table.num_rows for table in tables.values()]
        == list(written.values())
        == ([3, 2] if pages == PAGES else [0, 0])
    )
    assert tables["photos"].column_names == list(PHOTOS)
    assert tables["renditions"].column_names == list(RENDITIONS)
    assert tables["photos"].schema.field("width").type == pa.int64()
    assert tables["photos"].schema.field("deleted_at").type == pa.timestamp("us", tz="UTC")


def test_values_survive(tmp_path):
    list(write_tables(PAGES, tmp_path, "parquet"))
    list(write_tables(PAGES, tmp_path, "csv"))

    parquet, csv = pd.read_parquet(tmp_path / "photos.parquet"), pd.read_csv(tmp_path / "photos.csv")
    for frame in (parquet, csv):
        assert list(frame["source"]) == [f's3://photos/{number}, "ä".jpg' for number in (1, 2, 3)]
        assert list(frame["size_bytes"]) == [2**40] * 3
        assert list(frame["width"].isna()) == [True, False, True]
        assert set(frame["file_name"]) == {"a\nb.jpg"}
    assert str(parquet["created_at"][0]) == "2026-01-02 03:04:05.678901+00:00"


def test_an_export_that_breaks_leaves_the_last_one_as_it_was(tmp_path):
    list(write_tables(PAGES, tmp_path, "csv"))
    before = (tmp_path / "photos.csv").read_bytes()

    def broken():
        yield [a_photo(9)]
        raise ConnectionError

    with pytest.raises(StoreUnavailable):
        list(write_tables(broken(), tmp_path, "csv"))

    assert (tmp_path / "photos.csv").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"photos.csv", "renditions.csv"}
