"""Traces for OpenTelemetry: one trace a photo, from the enqueuing of its job to the record of how it ended.

The queue makes the spans of an attempt when it has recorded what came of it, out of the times that the worker reported.
The ids of the trace and of its first span follow from the job's id, so that no hop needs a header.
"""

from hashlib import sha256
from time import time
from typing import Self

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Span, Status, StatusCode, set_span_in_context

from raythumbs import __version__
from raythumbs.events import facts_here
from raythumbs.model.lease import Failed, Report

_FLUSH_MILLISECONDS = 2000


class Traces:
    """Hands spans to an exporter, which sends them in a thread of its own. Sampling follows OTEL_TRACES_SAMPLER."""

    def __init__(self, exporter: SpanExporter) -> None:
        ours = Resource({"service.name": "raythumbs", "service.version": __version__})
        self._ids = _IdsOfJobs()
        self._provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()), id_generator=self._ids)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("raythumbs", __version__)

    @classmethod
    def to_the_endpoint(cls) -> Self:
        """Return traces that go to the endpoint that OpenTelemetry's variables name."""
        return cls(OTLPSpanExporter())

    def tell(self, report: Report, *, is_last: bool) -> None:
        """Make the spans of an attempt that was just recorded, and that of the photo, if it was the last attempt.

        A retry that a person asks for gives the trace a second first span, with the id of the first.
        """
        lease, now = report.lease, max(time(), report.lease.started_at)  # clocks of two machines
        self._ids.follow(lease.job_id)
        photo = self._tracer.start_span("photo", context=Context(), start_time=_ns(lease.created_at))
        if photo.is_recording():
            if lease.attempt == 1:
                self._span("wait", photo, lease.created_at, lease.started_at)
            self._attempt(report, photo, now)
            if is_last:
                photo.set_attributes(_facts(report))
                _end(photo, report, now)

    def flush(self) -> None:
        """Send what was not sent yet; wait for it two seconds at most. Blocks."""
        self._provider.force_flush(_FLUSH_MILLISECONDS)

    def close(self) -> None:
        """Send what was not sent yet, and end the thread. Blocks."""
        self._provider.shutdown()

    def _attempt(self, report: Report, photo: Span, now: float) -> None:
        lease, took = report.lease, report.took
        attempt = self._started("attempt", photo, lease.started_at)
        attempt.set_attributes(_facts(report))
        for name, stage in took.stages():
            self._span(name, attempt, stage.began_at, stage.began_at + stage.seconds)
        if took.store:
            self._span("record", attempt, took.store.began_at + took.store.seconds, now)
        _end(attempt, report, now)

    def _started(self, name: str, parent: Span, began_at: float) -> Span:
        return self._tracer.start_span(name, context=set_span_in_context(parent), start_time=_ns(began_at))

    def _span(self, name: str, parent: Span, began_at: float, ended_at: float) -> None:
        self._started(name, parent, began_at).end(_ns(max(began_at, ended_at)))


class _IdsOfJobs(RandomIdGenerator):
    """Gives the next first span the ids that follow from a job's id, and other spans random ids."""

    def __init__(self) -> None:
        self._trace = b""
        self._first_span: bytes | None = None

    def follow(self, job_id: str) -> None:
        """Use this job's ids for the next span without a parent."""
        digest = sha256(job_id.encode()).digest()
        self._trace, self._first_span = digest[:16], digest[16:24]

    def generate_trace_id(self) -> int:
        return int.from_bytes(self._trace)

    def generate_span_id(self) -> int:
        first, self._first_span = self._first_span, None
        return int.from_bytes(first) if first else super().generate_span_id()


def _facts(report: Report) -> dict[str, str | int]:
    lease, took = report.lease, report.took
    facts: dict[str, str | int] = {
        "raythumbs.job_id": lease.job_id,
        "raythumbs.photo_id": lease.photo_id,
        "raythumbs.source": lease.source,
        "raythumbs.priority": lease.priority.name,
        "raythumbs.attempt": lease.attempt,
        "raythumbs.fetched_bytes": took.fetched_bytes,
        "raythumbs.stored_bytes": took.stored_bytes,
        "raythumbs.node": str(facts_here().get("node", "")),
    }
    return facts | ({"error.type": report.outcome.error.code} if isinstance(report.outcome, Failed) else {})


def _end(span: Span, report: Report, now: float) -> None:
    if isinstance(report.outcome, Failed):
        span.set_status(Status(StatusCode.ERROR, report.outcome.error.reason))
    span.end(_ns(now))


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
