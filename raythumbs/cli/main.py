"""The program `raythumbs`: its commands, and the errors that it reports in one line."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EDQUOT, EIO, ENOSPC, EPIPE
from io import TextIOWrapper

import typer
from rich.text import Text

from raythumbs.bench.commands import bench
from raythumbs.cli.backfill import backfill, respec
from raythumbs.cli.demo import demo
from raythumbs.cli.deploy_files import deploy_files, systemd
from raythumbs.cli.doctor import doctor
from raythumbs.cli.examples import example_of
from raythumbs.cli.export import export
from raythumbs.cli.folders import folder
from raythumbs.cli.jobs import reconcile, status
from raythumbs.cli.keys import keys
from raythumbs.cli.manual import manual
from raythumbs.cli.monitoring import alerts, grafana
from raythumbs.cli.moves import cancel, retry
from raythumbs.cli.openapi import openapi
from raythumbs.cli.output import complaints
from raythumbs.cli.pictures import render
from raythumbs.cli.quarantine import quarantine
from raythumbs.cli.queue import failures, pause, resume
from raythumbs.cli.serving import backup, down, env, serve, up
from raythumbs.cli.submit import submit
from raythumbs.cli.top import top
from raythumbs.cli.webhooks import webhooks
from raythumbs.errors import RaythumbsError

# In the order in which `raythumbs --help` lists them.
COMMANDS: tuple[Callable[..., None], ...] = (
    serve,
    up,
    down,
    env,
    doctor,
    demo,
    render,
    submit,
    status,
    top,
    failures,
    retry,
    cancel,
    pause,
    resume,
    folder,
    reconcile,
    backfill,
    respec,
    export,
    quarantine,
    webhooks,
    backup,
    deploy_files,
    systemd,
    alerts,
    grafana,
    openapi,
    manual,
)
_WRONG_USE: type[typer.BadParameter] = typer.BadParameter.__mro__[1]  # UsageError, for which Typer has no public name
_OUTPUT_ENDS = {EPIPE, ENOSPC, EDQUOT, EIO}

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Make thumbnails of uploaded photos, on one machine or on a Ray cluster.",
)
for command in COMMANDS:
    app.command(epilog=example_of(command.__name__.replace("_", "-")))(command)
app.add_typer(keys, name="keys")
app.add_typer(bench, name="bench")


class NotWritten(RaythumbsError):
    """The output of a command cannot be written."""

    code = "not_written"


def main() -> None:
    """Run a command. An error that a person can repair is reported in one line, with exit status 2."""
    for stream in (sys.stdout, sys.stderr):  # a name of a file may be no text, and a terminal may know ASCII alone
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        with _output_that_may_end():
            status = app(standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except _WRONG_USE as error:
        _complain_of_use(error)
        sys.exit(2)
    except typer.Abort:
        sys.exit(130)
    except RaythumbsError as error:
        reason = " ".join(error.reason.split())  # a database's reason may have several lines
        if error.code == "unreachable":
            reason += " (--url or RAYTHUMBS_URL says where it is)"
        complaints.print(Text.assemble(("raythumbs: ", "red"), reason), soft_wrap=True)
        sys.exit(2)
    except UnicodeEncodeError as error:
        wrong = next((word for word in sys.argv if not _is_text(word)), None)
        if wrong is None:
            raise
        complaints.print(Text.assemble(("raythumbs: ", "red"), f"{wrong!a} is not UTF-8: {error.reason}"))
        sys.exit(2)
    except KeyboardInterrupt:  # a second Ctrl-C, or one before the command had anything to undo
        sys.exit(130)


def _complain_of_use(error: typer.BadParameter) -> None:
    """Say in one line what is wrong with the words of a command, and where its help is."""
    if error.ctx is None or type(error).__name__ == "NoArgsIsHelpError":
        complaints.print(error.format_message(), markup=False, highlight=False)
        return
    reason = " ".join(error.format_message().split())
    said = f"{reason} (see {error.ctx.command_path} --help)"
    complaints.print(Text.assemble(("raythumbs: ", "red"), said), soft_wrap=True)


def _is_text(word: str) -> bool:
    return word.isascii() or word.encode(errors="replace").decode() == word


@contextmanager
def _output_that_may_end() -> Iterator[None]:
    """Write out what was printed. The output may end early: its reader may stop (`| head`), its disk may be full."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno not in _OUTPUT_ENDS:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes again at its end
        if error.errno != EPIPE:
            raise NotWritten(f"the output cannot be written: {error.strerror}") from error
