"""The alert rules and the dashboard: valid by Prometheus' own tool, and true to /metrics and to the runbook."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from raythumbs.cli import app
from raythumbs.deploy import ALERTS, DASHBOARD
from raythumbs.manual import read_page

CASES = Path(__file__).parent / "alert_cases.yaml"
RULES = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
PANELS = json.loads(DASHBOARD.read_text())["panels"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]


def metrics_of_the_manual() -> set[str]:
    """The metrics of the manual's table, which a test of /metrics compares with what is given."""
    rows = re.findall(r"(?m)^\| (`raythumbs_\w+`.*?) \| (\w+) \|", read_page("monitoring"))
    names = {(name, kind) for cell, kind in rows for name in re.findall(r"`(\w+)`", cell)}
    parts = {"histogram": ("_bucket", "_sum", "_count")}
    return {name + part for name, kind in names for part in parts.get(kind, ("",))}


@pytest.mark.parametrize("query", [*(rule["expr"] for rule in RULES), *QUERIES])
def test_a_query_names_metrics_that_the_service_gives(query):
    named = set(re.findall(r"\braythumbs_\w+", query))

    assert named <= metrics_of_the_manual()
    assert named or query == 'up{job="raythumbs"} == 0'


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_names_its_paragraph_of_the_runbook(rule):
    titles = re.findall(r"(?m)^### (\w+)$", read_page("runbook"))

    assert rule["annotations"]["runbook_url"] == f"http://127.0.0.1:8000/manual/runbook#{rule['alert'].lower()}"
    assert rule["alert"] in titles


def test_the_runbook_has_no_paragraph_of_an_alert_that_is_not_there():
    titles = re.findall(r"(?m)^### (Raythumbs\w+)$", read_page("runbook"))

    assert sorted(titles) == sorted(rule["alert"] for rule in RULES)


def test_every_panel_of_the_dashboard_has_an_id_a_title_and_a_place_of_its_own():
    places = [
        (x, y)
        for panel in PANELS
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len(set(places)) == len(places)
    assert max(x for x, _ in places) < 24  # the columns of a dashboard
    assert len({panel["id"] for panel in PANELS}) == len({panel["title"] for panel in PANELS}) == len(PANELS)


@pytest.mark.parametrize(("command", "file"), [("alerts", ALERTS), ("grafana", DASHBOARD)])
def test_a_command_prints_the_file(command, file):
    assert CliRunner().invoke(app, [command]).output == file.read_text()


def promtool(*words: str) -> str:
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.needs("promtool")
def test_each_alert_fires_in_its_case_and_in_no_other(tmp_path):
    cases = tmp_path / "cases.yaml"
    cases.write_text(CASES.read_text().replace("RULES", str(ALERTS)))
    tried = {one["alertname"] for case in yaml.safe_load(CASES.read_text())["tests"] for one in case["alert_rule_test"]}

    assert "SUCCESS" in promtool("test", "rules", str(cases))
    assert tried == {rule["alert"] for rule in RULES}


@pytest.mark.needs("promtool")
def test_the_scrape_configuration_of_the_manual_is_one_that_prometheus_takes(tmp_path):
    (config,) = re.findall(r"(?ms)^```yaml\n(scrape_configs.*?)^```", read_page("monitoring"))
    (tmp_path / "key").write_text("a key")
    file = tmp_path / "prometheus.yml"
    file.write_text(config.replace("/etc/prometheus/raythumbs.key", str(tmp_path / "key")))

    assert "valid prometheus config" in promtool("check", "config", str(file))
    assert 'job="raythumbs"' in RULES[0]["expr"]
    assert yaml.safe_load(config)["scrape_configs"][0]["job_name"] == "raythumbs"


@pytest.mark.needs("promtool")
def test_prometheus_can_read_every_query_of_the_dashboard(tmp_path):
    rules = [
        {"record": f"panel:{number}", "expr": query.replace("$__rate_interval", "5m").replace("$job", "raythumbs")}
        for number, query in enumerate(QUERIES)
    ]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))

    assert f"{len(QUERIES)} rules found" in promtool("check", "rules", "--lint=none", str(file))
