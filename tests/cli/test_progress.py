"""Progress in a log: plain lines, at most one every few seconds."""

from io import StringIO

from rich.console import Console

from raythumbs.cli.progress import LINE_SECONDS, Lines, progress


def test_a_log_gets_a_plain_line_at_intervals_however_many_photos_end():
    now = [0.0]
    log = StringIO()
    lines = Lines(1000, Console(file=log), clock=lambda: now[0])

    for number in range(1000):
        now[0] += LINE_SECONDS / 512
        lines.step(failed=number == 0)

    assert log.getvalue() == "512 of 1000 done, 1 failed\n"


def test_a_quick_run_writes_nothing_into_a_log():
    log = StringIO()

    with progress(2, Console(file=log)) as step:
        step(0)
        step(1)

    assert log.getvalue() == ""


def test_a_terminal_gets_a_bar():
    terminal = StringIO()

    with progress(2, Console(file=terminal, force_terminal=True, width=80)) as step:
        step(1)

    assert "photos (1 failed)" in terminal.getvalue()
