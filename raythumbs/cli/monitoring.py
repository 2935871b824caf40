"""Commands that print files for monitoring: alerts, grafana."""

import json
from pathlib import Path

from raythumbs.cli.options import AsJson


def alerts(*, as_json: AsJson = False) -> None:
    """Print alert rules for Prometheus."""
    from raythumbs.deploy import ALERTS  # settings are slow to import, and `--help` needs none

    _print("rules", ALERTS, as_json=as_json)


def grafana(*, as_json: AsJson = False) -> None:
    """Print a dashboard for Grafana."""
    from raythumbs.deploy import DASHBOARD

    _print("dashboard", DASHBOARD, as_json=as_json)


def _print(name: str, file: Path, *, as_json: bool) -> None:
    text = file.read_text()
    print(json.dumps({name: text}) if as_json else text, end="\n" if as_json else "")
