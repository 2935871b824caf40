"""What holds for every command: its help has an example, and it can print JSON."""

import json
import subprocess
import sys
from typing import Any

import pytest
import typer

from raythumbs.cli import app
from raythumbs.cli.main import main

ITS_OWN = {"bench"}  # has a page and options of its own


def commands() -> list[tuple[str, Any]]:
    group = typer.main.get_command(app)
    found = []
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        parts = getattr(command, "commands", None)
        if name not in ITS_OWN:
            found += [(f"{name} {sub}", one) for sub, one in parts.items()] if parts else [(name, command)]
    return found


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda one: one if isinstance(one, str) else "")
def test_the_help_of_a_command_has_an_example_of_it(name, command):
    assert command.help
    assert f"raythumbs {name}" in (command.epilog or "")


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda one: one if isinstance(one, str) else "")
def test_a_command_can_print_json(name, command):
    assert "--json" in [option for parameter in command.params for option in parameter.opts]


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_help_is_shown_with_exit_status_0(name, capsys):
    with pytest.raises(SystemExit) as end:
        app([*name.split(), "--help"])

    assert end.value.code == 0
    assert "Example:" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["env", "--json"],
        ["manual", "--json"],
        ["manual", "errors", "--json"],
        ["openapi"],
        ["keys", "new", "me", "--json"],
    ],
)
def test_what_needs_no_service_prints_json_and_nothing_else(words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit) as end:
        app(words)

    assert end.value.code == 0
    assert json.loads(capsys.readouterr().out)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [["retry"], ["folder"], ["statusx"], ["status", "--nope"], ["submit", "nothing.jpg"], ["top", "--every", "x"]],
)
def test_a_wrong_use_is_told_in_one_line_with_exit_status_2(words, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["raythumbs", *words])

    with pytest.raises(SystemExit) as end:
        main()

    said = capsys.readouterr()
    assert (end.value.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert said.err.startswith("raythumbs: ")
    assert "--help" in said.err


def test_the_program_tells_a_wrong_use_too():
    ended = subprocess.run([sys.executable, "-m", "raythumbs", "retry"], capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (2, "", 1)
