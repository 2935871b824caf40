"""Traces: one for each photo, as OpenTelemetry's own exporter and SDK hand them on."""

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from raythumbs.errors import NotAnImage, StoreUnavailable
from raythumbs.model.lease import Report
from raythumbs.model.took import Stage, Took
from raythumbs.queue.telemetry import Telemetry, are_wanted
from raythumbs.queue.traces import Traces
from tests.queue.conftest import Batches, at_work, failing
from tests.queue.test_large_lane import a_lease

HERE = "http://127.0.0.1:4318"


def spans_of(settings, batches, *numbers):
    """Have a queue work on photos; return the spans that it made."""
    exporter = InMemorySpanExporter()

    async def run(traces):
        async with at_work(settings, batches, telemetry=Telemetry(traces=traces)) as queue:
            await queue.submit(*numbers)
            await queue.ended(*numbers)

    with closing(Traces(exporter)) as traces:
        asyncio.run(run(traces))
    return exporter.get_finished_spans()


def test_a_photo_is_one_trace_from_its_enqueuing_to_its_record(configured):
    spans = spans_of(configured(), Batches(), 1, 2)

    assert {f"{span.context.trace_id:032x}" for span in spans} == {
        sha256(b"job-1").hexdigest()[:32],
        sha256(b"job-2").hexdigest()[:32],
    }
    for photo in (span for span in spans if span.parent is None):
        own = [span for span in spans if span.context.trace_id == photo.context.trace_id]
        assert sorted(span.name for span in own) == ["attempt", "photo", "wait"]
        assert {span.parent.span_id for span in own if span is not photo} == {photo.context.span_id}
        assert all(photo.start_time <= span.start_time <= span.end_time <= photo.end_time for span in own)
        assert photo.attributes["raythumbs.node"] == "node-1"
        assert photo.status.is_unset


def test_the_attempts_of_a_photo_are_spans_of_one_trace_and_only_the_last_ends_the_photo(configured):
    spans = spans_of(configured(), Batches(answer=failing(StoreUnavailable("away"), NotAnImage("words"))), 1)

    assert [(span.name, span.attributes.get("error.type")) for span in spans] == [
        ("wait", None),
        ("attempt", "store_unavailable"),
        ("attempt", "not_an_image"),
        ("photo", "not_an_image"),
    ]
    assert len({span.context.trace_id for span in spans}) == 1
    assert spans[-1].status.description == "words"


def test_the_stages_that_a_worker_reports_are_spans_of_the_attempt():
    exporter = InMemorySpanExporter()
    took = Took(
        fetch=Stage(100.0, 0.5),
        decode=Stage(100.6, 0.25),
        encode=Stage(100.85, 0.0625),
        store=Stage(101.0, 0.125),
        fetched_bytes=9,
    )

    with closing(Traces(exporter)) as traces:
        traces.tell(Report(a_lease(), None, 0.2, took), is_last=True)

    *stages, attempt, _photo = exporter.get_finished_spans()[1:]
    seconds = {span.name: (span.end_time - span.start_time) / 1e9 for span in stages}
    assert seconds | {"record": 0} == pytest.approx(
        {"fetch": 0.5, "decode": 0.25, "encode": 0.0625, "store": 0.125, "record": 0}
    )
    assert [span.name for span in stages] == ["fetch", "decode", "encode", "store", "record"]
    assert {span.parent.span_id for span in stages} == {attempt.context.span_id}
    assert attempt.attributes["raythumbs.fetched_bytes"] == 9


def test_a_sampler_takes_all_spans_of_a_photo_or_none(configured, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")

    spans = spans_of(configured(), Batches(), *range(20))

    traces = [
        [span.name for span in spans if span.context.trace_id == one] for one in {s.context.trace_id for s in spans}
    ]
    assert 0 < len(traces) < 20
    assert all(sorted(names) == ["attempt", "photo", "wait"] for names in traces)


@contextmanager
def a_collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """Listen as a collector of OpenTelemetry does; give its address and what it gets."""
    got: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.path == "/v1/traces"
            got.append(ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        listener = Thread(target=server.serve_forever)
        listener.start()
        yield f"http://127.0.0.1:{server.server_port}", got
        server.shutdown()
        listener.join()


def test_the_environment_says_where_traces_go_and_what_the_service_is_called(monkeypatch):
    with a_collector() as (address, got):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "thumbnails")
        telemetry = Telemetry.of_environment()
        with closing(telemetry.traces):
            telemetry.attempted(Report(a_lease(), None, 0.2), is_last=True)
            asyncio.run(telemetry.flush())

    ((resource,),) = (request.resource_spans for request in got)
    facts = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert facts["service.name"] == "thumbnails"
    assert [span.name for span in resource.scope_spans[0].spans] == ["wait", "attempt", "photo"]


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": HERE}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": HERE}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": HERE, "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": HERE, "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_traces_are_made_only_for_an_endpoint_that_is_not_turned_off(environment, wanted):
    assert are_wanted(environment) is wanted


def test_an_endpoint_without_the_extra_is_told_in_the_log(monkeypatch, caplog):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", HERE)
    monkeypatch.setitem(__import__("sys").modules, "raythumbs.queue.traces", None)

    assert Telemetry.of_environment().traces is None
    assert "pip install '.[traces]'" in caplog.text
