"""Where commands print."""

import re

from rich.console import Console

out = Console()
complaints = Console(stderr=True)


_NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # controls, and bytes that are not UTF-8 (PEP 383)


def print_line(text: str, *, to: Console = out) -> None:
    """Print a line without wrapping it.

    It may contain a file's name, which may not be valid text, have several lines, or contain a terminal's commands.
    """
    shown = _NO_TEXT.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    to.print(shown, markup=False, highlight=False, soft_wrap=True)


def many(number: int, thing: str) -> str:
    """Return so many things in words: `1 photo`, `2 photos`."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
