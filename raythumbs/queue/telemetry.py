"""Telemetry: the tally, and the traces if somebody wants them."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from raythumbs.events import emit_warning
from raythumbs.model.lease import Report
from raythumbs.queue.tally import Tally

if TYPE_CHECKING:
    from raythumbs.queue.traces import Traces

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Where the queue tells what came of attempts."""

    tally: Tally = field(default_factory=Tally)
    traces: "Traces | None" = None

    @classmethod
    def of_environment(cls) -> "Telemetry":
        """Return telemetry with the traces that OpenTelemetry's variables ask for. If the extra lacks, log that."""
        if not are_wanted(os.environ):
            return cls()
        try:
            from raythumbs.queue.traces import Traces  # an extra, which takes 10 MB
        except ImportError as error:
            emit_warning("traces.missing", reason=f"{error}: pip install '.[traces]'")
            return cls()
        return cls(traces=Traces.to_the_endpoint())

    def attempted(self, report: Report, *, is_last: bool) -> None:
        """Trace an attempt that was just recorded; `is_last` if the photo's job has ended."""
        if self.traces:
            self.traces.tell(report, is_last=is_last)

    async def flush(self) -> None:
        """Send the spans that were not sent yet; wait for it two seconds at most."""
        if self.traces:
            await asyncio.to_thread(self.traces.flush)


def are_wanted(environment: Mapping[str, str]) -> bool:
    """Return whether OpenTelemetry's variables name an endpoint, and do not turn traces off."""
    is_off = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    is_for_others = environment.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp"
    return any(environment.get(name) for name in _ENDPOINTS) and not is_off and not is_for_others
