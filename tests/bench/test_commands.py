"""What all commands of `raythumbs bench` do with a report."""

import json

import pytest
from typer.testing import CliRunner

from raythumbs.bench import idle
from raythumbs.bench.commands import bench
from raythumbs.bench.report import Report


@pytest.mark.parametrize("is_failure", [False, True])
def test_a_bench_whose_limit_was_exceeded_ends_with_1_and_says_which(monkeypatch, is_failure):
    report = Report(figures={"rows": []}, tables=[], complaints=["a limit of [5] ms"], is_failure=is_failure)
    monkeypatch.setattr(idle, "run", lambda *_plan, **_options: report)

    ended = CliRunner().invoke(bench, ["idle", "--json"])

    assert ended.exit_code == int(is_failure)
    assert json.loads(ended.stdout) == report.as_json()
    assert "a limit of [5] ms" in ended.stderr
