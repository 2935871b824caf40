"""Commands that print files for monitoring: alerts, grafana."""

import json

from raythumbs.cli.options import HERE, AsJson, Url


def alerts(*, url: Url = HERE, as_json: AsJson = False) -> None:
    """Print alert rules for Prometheus. Each leads to its paragraph of the manual, at the address of the service."""
    from raythumbs.deploy import ALERTS  # settings are slow to import, and `--help` needs none

    _print("rules", ALERTS.read_text().replace(HERE, url.rstrip("/")), as_json=as_json)


def grafana(*, as_json: AsJson = False) -> None:
    """Print a dashboard for Grafana."""
    from raythumbs.deploy import DASHBOARD

    _print("dashboard", DASHBOARD.read_text(), as_json=as_json)


def _print(name: str, text: str, *, as_json: bool) -> None:
    print(json.dumps({name: text}) if as_json else text, end="\n" if as_json else "")
