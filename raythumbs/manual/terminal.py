"""The manual in a terminal."""

from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from raythumbs.manual import CHAPTERS, read_page


def show(page: str | None, out: Console) -> None:
    """Print a page, or the contents if none is named. Raises UnknownPage."""
    # A link is shown with its page's name, which is what to ask for next; a terminal cannot open it.
    out.print(Markdown(read_page(page), hyperlinks=False) if page else _contents())


def _contents() -> Table:
    table = Table("page", "what it is about", box=None, title="raythumbs manual PAGE", title_justify="left")
    for chapter, pages in CHAPTERS.items():
        table.add_section()
        table.add_row(f"[bold]{chapter}[/bold]", "")
        for page in pages:
            table.add_row(f"  {page.name}", page.summary)
    return table
