"""What a bench reports: figures for programs (JSON), tables for people, and complaints."""

import os
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, get_type_hints

import psutil
from rich.table import Column, Table

from raythumbs import __version__
from raythumbs.errors import RaythumbsError

Say = Callable[[str], object]  # says what the bench does now
_DECIMALS = 5


class BenchFailed(RaythumbsError):
    """What is measured did not do what it must, so there is nothing to measure."""

    code = "bench_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result of a run. `figures` are what its JSON contains: numbers, texts, and frozen dataclasses of them.

    Complaints are printed to stderr. A failure ends the command with status 1.
    """

    figures: Mapping[str, Any]
    tables: Sequence[Table]
    complaints: Sequence[str] = ()
    is_failure: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the facts of the machine and the figures, as JSON has them."""
        machine = {
            "cores": cores(),
            "memory_bytes": psutil.virtual_memory().total,
            "system": platform.platform(),
            "python": platform.python_version(),
            "raythumbs": __version__,
        }
        plain: dict[str, Any] = _plain({"machine": machine, **self.figures})
        return plain


def table(
    title: str, row_type: type, *sections: Iterable[object], caption: str | None = None, only: Sequence[str] = ()
) -> Table:
    """Draw sections of rows, which have these annotated fields: `Annotated[float, "jobs/s", "{:.1f}"]` is a column with
    this heading and this format of its cells. Other fields are for JSON alone. `only` names the fields to draw."""
    hints = get_type_hints(row_type, include_extras=True)
    columns = {name: hints[name].__metadata__ for name in only or hints if hasattr(hints[name], "__metadata__")}
    headings = (Column(heading, overflow="fold") for heading, *_ in columns.values())
    drawn = Table(*headings, title=title, caption=caption)
    for rows in sections:
        for row in rows:
            drawn.add_row(*(_cell(getattr(row, name, ""), *formats) for name, (_, *formats) in columns.items()))
        drawn.add_section()
    return drawn


def facts(title: str, figures: Mapping[str, Any], headings: Mapping[str, str]) -> Table:
    """Draw a table of names and values. A list stands for the number of its elements, which are complaints."""
    drawn = Table("", "", show_header=False, title=title)
    for name, value in figures.items():
        drawn.add_row(
            headings.get(name, name.replace("_", " ")), _cell(len(value) if isinstance(value, list) else value)
        )
    return drawn


def counted(counts: Mapping[str, int]) -> str:
    """Return counts as a text, the largest first."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{count:,} {name}" for name, count in ordered) or "none"


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def _cell(value: object, cell_format: str = "{}") -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case Mapping():
            return counted(value)
        case _:
            return cell_format.format(value)


def _plain(value: Any) -> Any:  # noqa: ANN401 whatever JSON has
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return round(value, _DECIMALS) if isinstance(value, float) else value
