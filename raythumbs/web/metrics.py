"""Metrics: the figures of the queue in the text format of Prometheus. manual/monitoring.md has a table of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from raythumbs import __version__
from raythumbs.model.figures import Counts, Figures, Histogram

Values = Iterable[tuple[Sequence[str], float]]  # the values of labels, and the metric's own

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4


def exposition(figures: Figures) -> bytes:
    """Return the figures as Prometheus reads them."""
    registry = CollectorRegistry()
    registry.register(_Collected(figures))
    return generate_latest(registry)


class _Collected(Collector):
    """Gives prometheus_client the metrics of one answer of the queue."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        yield from _of_the_queue(self._figures)
        yield from _of_the_slots(self._figures)
        yield from _of_photos(self._figures)
        yield from _of_stages(self._figures)
        yield from _of_the_record(self._figures)


def _of_the_queue(figures: Figures) -> Iterator[Metric]:
    status, overview = figures.status, figures.status.overview
    yield _gauge("info", "1, with the version of the service", [((__version__,), 1)], labels=("version",))
    waiting = [((one.name.lower(),), count) for one, count in overview.backlog.items()]
    yield _gauge("backlog_photos", "Photos that wait, retries included", waiting, labels=("priority",))
    ages = [((one.name.lower(),), age) for one, age in overview.backlog_ages_seconds.items()]
    yield _gauge("backlog_age_seconds", "How long the oldest due photo has waited", ages, labels=("priority",))
    yield _gauge("retries_waiting_photos", "Photos whose retry is not due yet", [((), overview.retries_waiting)])
    yield _gauge("running_photos", "Photos that workers have", [((), status.running)])
    yield _gauge("paused", "1 while a person has paused the queue", [((), status.queue.is_paused)])
    yield _gauge("draining", "1 while the queue leases nothing new before its end", [((), status.draining)])
    yield _gauge("data_folder_free_bytes", "Free bytes on the data folder's disk", [((), figures.free_disk_bytes)])


def _of_the_slots(figures: Figures) -> Iterator[Metric]:
    nodes, labels = figures.status.nodes, ("node", "address")
    slots = [((one.node, one.address), one.slots) for one in nodes]
    yield _gauge("slots", "Slots of a node", slots, labels=labels)
    busy = [((one.node, one.address), one.busy) for one in nodes]
    yield _gauge("busy_slots", "Slots of a node that are in use", busy, labels=labels)
    troubled = [((one.node, one.address), one.trouble is not None) for one in nodes]
    yield _gauge("troubled_nodes", "1 for a node that gets fewer photos or none", troubled, labels=labels)


def _of_photos(figures: Figures) -> Iterator[Metric]:
    photos = _keyed(figures, lambda one: one.photos.items())
    yield _counter("photos", "Photos whose last attempt ended", photos, labels=("shard", "outcome", "code"))
    retries = _keyed(figures, lambda one: (((code,), count) for code, count in one.retries.items()))
    yield _counter("retries", "Attempts that failed and are repeated", retries, labels=("shard", "code"))
    family = _histogram("photo_seconds", "From the enqueuing of a photo's job to its success", ("shard", "priority"))
    for shard, counts in figures.shards.items():
        for priority, histogram in counts.photo_seconds.items():
            _add(family, (str(shard), priority.name.lower()), histogram)
    yield family


def _of_stages(figures: Figures) -> Iterator[Metric]:
    family = _histogram("stage_seconds", "How long a stage of an attempt took", ("shard", "stage"))
    for shard, counts in figures.shards.items():
        for stage, histogram in counts.stage_seconds.items():
            _add(family, (str(shard), stage), histogram)
    yield family
    yield _sum(figures, "fetched_bytes", "Bytes of photos that were fetched", lambda one: one.fetched_bytes)
    yield _sum(figures, "stored_bytes", "Bytes of thumbnails that were stored", lambda one: one.stored_bytes)


def _of_the_record(figures: Figures) -> Iterator[Metric]:
    yield _sum(figures, "fenced_writes", "Reports of lost leases, which changed nothing", lambda one: one.fenced_writes)
    yield _sum(figures, "rescued_leases", "Leases that ran out", lambda one: one.rescued_leases)
    yield _sum(figures, "commits", "Transactions that the queue wrote", lambda one: one.commits)
    sent = _keyed(figures, lambda one: (((sending,), count) for sending, count in one.webhooks.items()))
    yield _counter("webhooks", "Attempts to send a webhook", sent, labels=("shard", "outcome"))


def _keyed(figures: Figures, of: Callable[[Counts], Values]) -> Values:
    """Return the values of each shard, with its number before their labels."""
    return [((str(shard), *key), value) for shard, counts in figures.shards.items() for key, value in of(counts)]


def _sum(figures: Figures, name: str, text: str, of: Callable[[Counts], int]) -> Metric:
    """Return a counter that each shard has once."""
    values = [((str(shard),), of(counts)) for shard, counts in figures.shards.items()]
    return _counter(name, text, values, labels=("shard",))


def _gauge(name: str, text: str, values: Values, *, labels: Sequence[str] = ()) -> Metric:
    family = GaugeMetricFamily(f"raythumbs_{name}", text, labels=labels)
    for key, value in values:
        family.add_metric(key, value)
    return family


def _counter(name: str, text: str, values: Values, *, labels: Sequence[str]) -> Metric:
    family = CounterMetricFamily(f"raythumbs_{name}", text, labels=labels)
    for key, value in values:
        family.add_metric(key, value)
    return family


def _histogram(name: str, text: str, labels: Sequence[str]) -> HistogramMetricFamily:
    return HistogramMetricFamily(f"raythumbs_{name}", text, labels=labels)


def _add(family: HistogramMetricFamily, key: Sequence[str], histogram: Histogram) -> None:
    ends = [*map(str, histogram.bounds), "+Inf"]
    buckets = list(zip(ends, map(float, accumulate(histogram.counts)), strict=True))
    family.add_metric(key, buckets, histogram.sum)
