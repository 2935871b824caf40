"""Traces over the nodes of a real Ray: the queue's actor makes them, whichever node rendered a photo."""

from collections import defaultdict
from hashlib import sha256
from pathlib import Path

import pytest
from ray.cluster_utils import Cluster

from raythumbs.model.job import State
from tests.cluster.conftest import SMALL_NODE, StartQueue, eventually
from tests.queue.test_traces import a_collector

STAGES = ["fetch", "decode", "encode", "store", "record"]


@pytest.mark.needs("time")
def test_each_photo_is_one_whole_trace_on_whichever_node_it_is_rendered(
    cluster: Cluster, start: StartQueue, photos: list[Path]
):
    with a_collector() as (address, got):
        queue = start(environment={"OTEL_EXPORTER_OTLP_ENDPOINT": address})
        node = cluster.add_node(**SMALL_NODE)
        try:
            eventually(lambda: queue.status().total == 3)
            jobs = queue.submit(photos)
            eventually(lambda: sorted(one.busy for one in queue.status().nodes) == [1, 2])
            ended = queue.ended(jobs)
            eventually(
                lambda: len(names_by_trace(got)) == len(jobs) and all(map(is_whole, names_by_trace(got).values()))
            )
        finally:
            cluster.remove_node(node)

    assert {job.state for job in ended} == {State.SUCCEEDED}
    assert names_by_trace(got).keys() == {sha256(job_id.encode()).hexdigest()[:32] for job_id in jobs}


def names_by_trace(requests) -> dict[str, list[str]]:
    """Return the names of the spans that a collector got, by the ids of their traces."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for request in list(requests):
        for spans in (scope.spans for resource in request.resource_spans for scope in resource.scope_spans):
            for span in spans:
                names[span.trace_id.hex()].append(span.name)
    return names


def is_whole(names: list[str]) -> bool:
    return sorted(names) == sorted(["photo", "wait", "attempt", *STAGES])
