"""Where commands print."""

from rich.console import Console

out = Console()
complaints = Console(stderr=True)


def print_line(text: str, *, to: Console = out) -> None:
    """Print a line without wrapping it. It may contain a file's name, which is not always valid text."""
    to.print(text.encode(errors="backslashreplace").decode(), markup=False, highlight=False, soft_wrap=True)
