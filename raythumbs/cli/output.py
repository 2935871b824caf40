"""Where commands print."""

from rich.console import Console

out = Console()
complaints = Console(stderr=True)


def print_line(text: str, *, to: Console = out) -> None:
    """Print a line as it is, without wrapping it. It may contain the name of a file, which is not always text."""
    to.print(text.encode(errors="backslashreplace").decode(), markup=False, highlight=False, soft_wrap=True)
