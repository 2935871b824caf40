"""The manual's pages in their frame: the contents beside the text."""

from functools import cache
from html import escape
from string import Template

from raythumbs.manual import CHAPTERS, PAGES
from raythumbs.manual.html import page_as_html, title_of
from raythumbs.web.page.files import MANUAL, PageFile, page_file

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@cache
def manual_page(name: str | None) -> PageFile:
    """Return a page of the manual, or the contents if none is named. Raises UnknownPage."""
    pages = "" if name else "manual/"  # addresses are relative, so that a proxy may put a prefix before them
    content = page_as_html(name) if name else "<h1>The manual</h1>" + _contents(pages, None)
    frame = Template(page_file(MANUAL).content.decode())
    filled = frame.substitute(
        title=escape(title_of(name)) if name else "The manual",
        root="../" if name else "",
        contents=_contents(pages, name) if name else "",
        content=content,
    )
    return PageFile.of(filled.encode(), "text/html")


def _contents(pages: str, here: str | None) -> str:
    return "".join(
        f"<h2>{escape(chapter)}</h2><ul>{''.join(_line(pages, page.name, here) for page in those)}</ul>"
        for chapter, those in CHAPTERS.items()
    )


def _line(pages: str, name: str, here: str | None) -> str:
    current = ' aria-current="page"' if name == here else ""
    summary = "" if here else f" <span>{escape(PAGES[name].summary)}</span>"
    return f'<li><a href="{pages}{name}"{current}>{escape(title_of(name))}</a>{summary}</li>'
