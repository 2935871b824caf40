"""The manual's pages for operators: what they name is there, and what they show is safe to copy."""

import re
from ipaddress import ip_address
from pathlib import Path

import yaml

from raythumbs.web.bodies import NodeBody, StatusBody

HOUSE = Path(__file__).parents[2]
MANUAL = HOUSE / "raythumbs" / "manual"
TESTED = re.compile(r"`test_|the chaos run|every test|no test|the same:")


def page(name: str) -> str:
    return (MANUAL / f"{name}.md").read_text()


def test_the_manuals_postgresql_is_for_its_own_network_and_has_its_password_in_a_file():
    (block,) = re.findall(r"```yaml\n(services:.*?)```", page("own-machines"), re.DOTALL)
    compose = yaml.safe_load(block)

    server = compose["services"]["postgresql"]
    ports = [port.split(":") for port in server["ports"]]

    assert all(len(port) == 3 for port in ports)
    assert not any(ip_address(address).is_unspecified or ip_address(address).is_global for address, _, _ in ports)
    assert "POSTGRES_PASSWORD" not in server["environment"]
    assert server["environment"]["POSTGRES_PASSWORD_FILE"] == f"/run/secrets/{server['secrets'][0]}"
    assert server["secrets"] == list(compose["secrets"])
    assert server["volumes"][0].split(":")[0] in compose["volumes"]


def test_the_manual_names_no_test_that_is_not_there():
    tests = "".join(path.read_text() for path in (HOUSE / "tests").rglob("test_*.py"))

    named = set(re.findall(r"`(test_\w+)`", "".join(path.read_text() for path in MANUAL.glob("*.md"))))

    assert len(named) >= 42  # the table of faults
    assert [name for name in sorted(named) if f"def {name}(" not in tests] == []


def test_every_fault_of_the_list_has_a_row_with_what_tests_it():
    rows = re.findall(r"(?m)^\| ([A-E]\d[^|]*)\|([^|]*)\|$", page("guarantees"))

    named = {int(number) for fault, _ in rows for number in re.findall(r"\b[A-E](\d+)", fault)}

    assert named == set(range(1, 49))
    assert [fault for fault, told in rows if not TESTED.search(told)] == []


def test_every_advice_of_pillows_threat_model_has_a_row_with_what_tests_it():
    (table,) = re.findall(r"(?m)^\| advice \|.*\n\|[-|]+\n((?:\|.*\n)+)", page("security"))
    rows = [row.strip("|").split("|") for row in table.splitlines()]

    assert len(rows) >= 10  # the list of Pillow's page
    assert [advice for advice, _, told in rows if not TESTED.search(told)] == []


def test_the_page_on_monitoring_names_only_events_that_happen():
    (table,) = re.findall(r"(?m)^\| event \|.*\n((?:\|.*\n)+)", page("monitoring"))
    source = "".join(path.read_text() for path in (HOUSE / "raythumbs").rglob("*.py"))

    events = re.findall(r"`([a-z]+\.[a-z_]+)`", table)

    assert len(events) >= 20
    assert [event for event in events if f'"{event}"' not in source] == []


def test_the_page_on_monitoring_has_every_figure_of_the_status():
    bodies = (StatusBody, NodeBody)
    figures = [field.alias or name for body in bodies for name, field in body.model_fields.items()]

    assert [figure for figure in figures if f"`{figure}`" not in page("monitoring")] == []


def test_the_manual_names_only_files_of_this_checkout():
    named = set(re.findall(r"`((?:tests|notebooks|raythumbs|\.ci)/[\w./-]+\w)`", "".join(map(page, OPERATIONS))))

    assert [name for name in sorted(named) if not (HOUSE / name).exists()] == []


OPERATIONS = (
    "runbook", "monitoring", "security", "backup-and-upgrade", "aws", "own-machines", "kubernetes", "how-it-works",
    "guarantees", "benchmarks", "contributing", "changelog",
)  # fmt: skip
