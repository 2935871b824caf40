"""The README is the manual: what it names is there, and what is there it names."""

import re
from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml

from raythumbs.cli import app
from raythumbs.settings import Settings

HOUSE = Path(__file__).parent.parent
README = (HOUSE / "README.md").read_text()


def names() -> list[str]:
    """The name of each setting in the environment; of several, the first."""
    told = []
    for field, about in Settings.model_fields.items():
        alias = about.validation_alias
        told.append(
            alias if isinstance(alias, str) else str(alias.choices[0]) if alias else f"RAYTHUMBS_{field.upper()}"
        )
    return told


@pytest.mark.parametrize("name", names())
def test_the_manual_has_every_setting(name):
    assert f"`{name}`" in README


def test_the_manual_names_no_setting_that_is_not_there():
    told = set(re.findall(r"\bRAYTHUMBS_\w+", README))

    assert told - {"RAYTHUMBS_URL"} <= set(names())


def test_the_manual_has_every_command():
    commands = [command.name or command.callback.__name__ for command in app.registered_commands]

    assert [name for name in commands if f"raythumbs {name}" not in README] == []


def test_the_manual_names_no_test_that_is_not_there():
    tests = "".join(path.read_text() for path in (HOUSE / "tests").rglob("test_*.py"))

    told = set(re.findall(r"`(test_\w+)`", README))

    assert [name for name in sorted(told) if f"def {name}(" not in tests] == []


def test_the_manuals_postgresql_is_for_its_own_network_and_has_its_password_in_a_file():
    (block,) = re.findall(r"```yaml\n(services:.*?)```", README, re.DOTALL)
    compose = yaml.safe_load(block)

    server = compose["services"]["postgresql"]
    ports = [port.split(":") for port in server["ports"]]

    assert all(len(port) == 3 for port in ports)
    assert not any(ip_address(address).is_unspecified or ip_address(address).is_global for address, _, _ in ports)
    assert "POSTGRES_PASSWORD" not in server["environment"]
    assert server["environment"]["POSTGRES_PASSWORD_FILE"] == f"/run/secrets/{server['secrets'][0]}"
    assert server["secrets"] == list(compose["secrets"])
    assert server["volumes"][0].split(":")[0] in compose["volumes"]


def test_what_a_change_must_pass_ends_with_the_manuals_line_of_tests():
    lines = [line for line in README.splitlines() if "'.[test]'" in line]

    assert lines == ["python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/pytest"]
    assert """grep -m1 -F "'.[test]'" README.md""" in (HOUSE / ".ci" / "run").read_text()
