"""The commands of `raythumbs bench`: one for each plan. Each imports its bench, which is slow, when it is called."""

import json
from dataclasses import MISSING, fields
from importlib import import_module
from inspect import Parameter, Signature
from typing import Annotated, Any, get_type_hints

import typer
from rich.console import Console

from raythumbs.bench import plans
from raythumbs.bench.report import Report

bench = typer.Typer(no_args_is_help=True, help="Measure, beside others, on this machine.")
_AS_JSON = Parameter(
    "as_json",
    Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[bool, typer.Option("--json", help="Print JSON.")],
)
_errors = Console(stderr=True)


def _add(name: str, plan: type, module: str) -> None:
    """Add a command with the options of a plan. The module's function `run` measures, and returns a report."""

    def command(*, as_json: bool, **options: Any) -> None:  # noqa: ANN401 of the plan's types
        run = import_module(f"raythumbs.bench.{module}").run
        with _errors.status(name) as status:
            report: Report = run(plan(**options), say=status.update)
        if as_json:
            print(json.dumps(report.as_json()))
        for table in () if as_json else report.tables:
            Console().print(table)
        for complaint in report.complaints:
            _errors.print(complaint, highlight=False, markup=False, soft_wrap=True)
        if report.is_failure:
            raise typer.Exit(1)

    command.__doc__ = plan.__doc__
    command.__signature__ = Signature([*_options(plan), _AS_JSON])  # type: ignore[attr-defined]  # what typer reads
    bench.command(name)(command)


def _options(plan: type) -> list[Parameter]:
    annotations = get_type_hints(plan, include_extras=True)
    return [
        Parameter(
            option.name,
            Parameter.KEYWORD_ONLY,
            default=option.default if option.default_factory is MISSING else option.default_factory(),
            annotation=annotations[option.name],
        )
        for option in fields(plan)
        if hasattr(annotations[option.name], "__metadata__")
    ]


_add("imaging", plans.ImagingPlan, "imaging")
_add("queue", plans.QueuePlan, "queue")
_add("ingest", plans.IngestPlan, "ingest")
_add("latency", plans.LatencyPlan, "latency")
_add("idle", plans.IdlePlan, "idle")
_add("growth", plans.GrowthPlan, "growth")
_add("scale", plans.ScalePlan, "scale.run")
_add("chaos", plans.ChaosPlan, "chaos.run")
_add("throughput", plans.ThroughputPlan, "throughput.run")
_add("backfill", plans.BackfillPlan, "backfill")
