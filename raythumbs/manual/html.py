"""The manual as HTML, for a browser without the internet."""

import re
from collections.abc import MutableMapping, Sequence
from functools import cache
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from raythumbs.manual import PAGES, read_page


@cache
def page_as_html(name: str) -> str:
    """Return a page's content as HTML: headings have anchors, and links lead to the other pages by their names.

    Raises UnknownPage.
    """
    return str(_MARKDOWN.render(read_page(name)))


def title_of(name: str) -> str:
    """Return a page's title, as text. Raises UnknownPage."""
    return re.sub(r"[`*]", "", re.findall(r"(?m)^# (.+)$", read_page(name))[0])


def anchor(title: str) -> str:
    """Return the anchor of a heading, as GitHub makes it, so that links work in both places."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


class _Renderer(RendererHTML):
    """Adds what a page needs beyond CommonMark. A method's name is the token's."""

    def heading_open(self, tokens: Sequence[Token], at: int, options: Any, env: MutableMapping[str, Any]) -> str:  # noqa: ANN401 markdown-it's own
        """Give the heading its anchor."""
        tokens[at].attrSet("id", anchor(tokens[at + 1].content))
        return self.renderToken(tokens, at, options, env)

    def link_open(self, tokens: Sequence[Token], at: int, options: Any, env: MutableMapping[str, Any]) -> str:  # noqa: ANN401 the same
        """Let a link to another page's file lead to that page."""
        page, _, place = str(tokens[at].attrGet("href")).partition("#")
        name = page.removesuffix(".md")
        if page.endswith(".md") and name in PAGES:
            tokens[at].attrSet("href", f"{name}#{place}" if place else name)
        return self.renderToken(tokens, at, options, env)

    def image(self, tokens: Sequence[Token], at: int, options: Any, env: MutableMapping[str, Any]) -> str:  # noqa: ANN401 the same
        """Describe a picture: pictures are not installed."""
        return f"<em>{escape(self.renderInlineAsText(tokens[at].children, options, env))}</em>"

    def table_open(self, *_: object) -> str:
        """Let a wide table scroll, with the keyboard too."""
        return '<div class="scroll" tabindex="0"><table>\n'

    def table_close(self, *_: object) -> str:
        """Close what `table_open` opened."""
        return "</table></div>\n"

    def fence(self, tokens: Sequence[Token], at: int, *_: object) -> str:
        """Let wide code scroll, with the keyboard too."""
        return f'<pre tabindex="0"><code>{escape(tokens[at].content, quote=False)}</code></pre>\n'


_MARKDOWN = MarkdownIt("commonmark", renderer_cls=_Renderer).enable("table")
