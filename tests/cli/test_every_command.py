"""What holds for every command: its help has an example, and it can print JSON."""

from typing import Any

import pytest
import typer

from raythumbs.cli import app

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
