"""Progress of jobs: a bar on a terminal; in a log, a plain line now and then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

LINE_SECONDS = 5.0


@dataclass
class Lines:
    """Says at most every few seconds how many are done."""

    total: int
    to: Console
    clock: Callable[[], float] = time.monotonic
    done: int = 0
    failed: int = 0

    def __post_init__(self) -> None:
        """Begin the first interval."""
        self._next = self.clock() + LINE_SECONDS

    def step(self, *, failed: int) -> None:
        """Count one more."""
        self.done += 1
        self.failed += failed
        if self.clock() >= self._next:
            self._next = self.clock() + LINE_SECONDS
            self.to.print(f"{self.done} of {self.total} done, {self.failed} failed", highlight=False, soft_wrap=True)


@contextmanager
def progress(total: int, to: Console) -> Iterator[Callable[[int], None]]:
    """Give a function that counts one more, and 1 if it failed or 0. It shows this on the console."""
    if not to.is_terminal:
        lines = Lines(total, to)
        yield lambda failed: lines.step(failed=failed)
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=to, transient=True) as bar:
        task, failures = bar.add_task("photos", total=total), 0

        def step(failed: int) -> None:
            nonlocal failures
            failures += failed
            bar.update(task, advance=1, description=f"photos ({failures} failed)" if failures else "photos")

        yield step
