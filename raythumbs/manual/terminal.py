"""The manual in a terminal."""

from collections.abc import Iterator
from typing import ClassVar

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.markdown import Markdown, MarkdownElement, TableElement
from rich.table import Table

from raythumbs.manual import CHAPTERS, UnknownPage, read_page
from raythumbs.manual.html import anchor


def show(page: str | None, out: Console) -> None:
    """Print a page, a section of it (`runbook#first-look`, as links have it), or the contents. Raises UnknownPage."""
    # A link is shown with its page's name, which is what to ask for next; a terminal cannot open it.
    out.print(_Markdown(_text(page), hyperlinks=False) if page else _contents())


def _text(page: str) -> str:
    name, _, section = page.partition("#")
    text = read_page(name)
    return "\n".join(_section(text, section)) if section else text


def _section(text: str, wanted: str) -> list[str]:
    """Return the lines of a heading and of all that is below it."""
    lines: list[str] = []
    level, titles = 0, []
    for line, depth in _with_depths(text):
        if depth:
            titles.append(anchor(line[depth:].strip()))
            if level and depth <= level:
                return lines
            level = level or (depth if titles[-1] == wanted else 0)
        if level:
            lines.append(line)
    if not lines:
        raise UnknownPage(f"the page has no section {wanted!r}; it has {', '.join(titles)}")
    return lines


def _with_depths(text: str) -> Iterator[tuple[str, int]]:
    """Yield each line with the depth of its heading, which is 0 for other lines, also for comments in code."""
    is_code = False
    for line in text.splitlines():
        is_code ^= line.startswith("```")
        marks = len(line) - len(line.lstrip("#"))
        yield line, 0 if is_code or line[marks : marks + 1] != " " else marks


class _WholeTable(TableElement):
    """A table that breaks long names into lines. Rich's own cuts them off, and they are what a person must type."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for made in super().__rich_console__(console, options):
            if isinstance(made, Table):
                for column in made.columns:
                    column.overflow = "fold"
            yield made


class _Markdown(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {**Markdown.elements, "table_open": _WholeTable}


def _contents() -> RenderableType:
    table = Table("page", "what it is about", box=None, title="raythumbs manual PAGE", title_justify="left")
    for chapter, pages in CHAPTERS.items():
        table.add_section()
        table.add_row(f"[bold]{chapter}[/bold]", "")
        for page in pages:
            table.add_row(f"  {page.name}", page.summary)
    return table
