"""Writes photos and renditions as two tables, page by page, so that memory does not grow with their number."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from raythumbs.errors import AccessDenied, NotStarted, RaythumbsError, StoreUnavailable

try:
    import pandas as pd
except ImportError as error:
    raise NotStarted("the export needs pandas: pip install 'raythumbs[export]'") from error

Frame = pd.DataFrame
Append = Callable[[Frame], None]
_TEXT, _INTEGER, _TIME = "string", "Int64", "datetime64[us, UTC]"

# The columns and their types, in their order. They stay as they are; new ones are added at the end.
PHOTOS = {
    "photo_id": _TEXT,
    "source": _TEXT,
    "version": _TEXT,
    "folder_id": _TEXT,
    "file_name": _TEXT,
    "size_bytes": _INTEGER,
    "width": _INTEGER,
    "height": _INTEGER,
    "format": _TEXT,
    "thumb_hash": _TEXT,
    "notes": _TEXT,
    "created_at": _TIME,
    "deleted_at": _TIME,
}
RENDITIONS = {
    "photo_id": _TEXT,
    "name": _TEXT,
    "width": _INTEGER,
    "height": _INTEGER,
    "format": _TEXT,
    "size_bytes": _INTEGER,
    "url": _TEXT,
}


def write_tables(
    pages: Iterable[Sequence[dict[str, Any]]], folder: Path, table_format: str
) -> Iterator[tuple[Path, int]]:
    """Write both tables; yield each file and its number of rows. A file that was there is replaced by a whole one."""
    rows = {"photos": 0, "renditions": 0}
    paths = {name: folder / f"{name}.{table_format}" for name in rows}
    with ExitStack() as stack:
        stack.enter_context(_writable(folder))
        folder.mkdir(parents=True, exist_ok=True)
        kinds = {"photos": PHOTOS, "renditions": RENDITIONS}
        append = {n: stack.enter_context(_file(paths[n], kinds[n], table_format)) for n in rows}
        for page in pages:
            for name, frame in (("photos", _photos(page)), ("renditions", _renditions(page))):
                append[name](frame)
                rows[name] += len(frame)
    yield from ((paths[name], count) for name, count in rows.items())


def _photos(page: Sequence[dict[str, Any]]) -> Frame:
    rows = ({_column(name): value for name, value in photo.items()} for photo in page)
    return _frame([row | {"notes": "\n".join(row["notes"])} for row in rows], PHOTOS)


def _renditions(page: Sequence[dict[str, Any]]) -> Frame:
    made = ((photo["photoId"], one) for photo in page for one in photo["renditions"])
    rows = [{_column(name): value for name, value in one.items()} | {"photo_id": of} for of, one in made]
    return _frame(rows, RENDITIONS)


def _frame(rows: Sequence[dict[str, Any]], columns: dict[str, str]) -> Frame:
    frame = pd.DataFrame(rows, columns=list(columns))
    for name, kind in columns.items():
        column: Any = frame[name]
        known = pd.to_datetime(column, utc=True, format="ISO8601") if kind == _TIME else column
        frame[name] = known.astype(kind)
    return frame


def _column(name: str) -> str:
    """Return the name of a column: `sizeBytes` is `size_bytes`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


@contextmanager
def _file(path: Path, columns: dict[str, str], table_format: str) -> Iterator[Append]:
    """Give a function that appends rows. The file gets its name when the context ends without an error."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    write = _parquet if table_format == "parquet" else _csv
    try:
        with write(unfinished, columns) as append:
            yield append
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def _csv(path: Path, columns: dict[str, str]) -> Iterator[Append]:
    with path.open("w", encoding="utf-8", newline="") as file:
        _frame([], columns).to_csv(file, index=False)
        yield lambda frame: frame.to_csv(file, index=False, header=False)


@contextmanager
def _parquet(path: Path, columns: dict[str, str]) -> Iterator[Append]:
    try:
        import pyarrow as pa  # a CSV needs none
        import pyarrow.parquet as pq
    except ImportError as error:
        raise NotStarted("Parquet needs pyarrow: pip install 'raythumbs[export]', or give --format csv") from error
    types = {_TEXT: pa.string(), _INTEGER: pa.int64(), _TIME: pa.timestamp("us", tz="UTC")}
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    with pq.ParquetWriter(path, schema) as writer:
        yield lambda frame: writer.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False))


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kind: type[RaythumbsError] = AccessDenied if isinstance(error, PermissionError) else StoreUnavailable
        raise kind(f"{folder} cannot be written: {error.strerror or error}") from error
