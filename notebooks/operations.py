"""What the notebook for operators watches: /metrics, read again and again as Prometheus reads it, during a backfill.

`Samples` are a table with a row for each sample: `seconds` since the first reading, `metric`, one column for each label
that any metric has (None where a metric lacks it), and `value`.
"""

import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import httpx2
import measure
import pandas as pd
from prometheus_client.parser import text_string_to_metric_families
from pydantic import Field, PositiveInt
from pydantic_settings import SettingsConfigDict

from raythumbs import Client
from raythumbs.bench.pictures import draw_photos

Samples = pd.DataFrame

_EVERY_SECONDS = 1.0  # /metrics is at most so old
_SECONDS_AFTERWARDS = 2 * _EVERY_SECONDS


class Plan(measure.Parameters):
    """The notebook's parameters. What the environment says (RAYTHUMBS_NOTEBOOK_PHOTOS=20, ...) comes first."""

    model_config = SettingsConfigDict(env_prefix="RAYTHUMBS_NOTEBOOK_", frozen=True)

    url: str | None = None
    photos: PositiveInt = 300
    size_mb: float = Field(default=1.0, ge=0.05, le=50)
    uploads: PositiveInt = 10


@dataclass(frozen=True)
class Watched:
    """What was read during the backfill, and the text of the last reading."""

    samples: Samples
    text: str


def watch(plan: Plan) -> Watched:
    """Upload photos, make their thumbnails again at LOW priority, and upload some more one at a time meanwhile."""
    with _drawn(plan) as photos, measure.service(plan.url) as client:
        print(f"{plan.photos} photos are uploaded")
        jobs = client.upload(list(islice(cycle(photos), plan.photos)))
        measure.ended(client, [job["jobId"] for job in jobs])
        with _read_again_and_again(client) as texts:
            print("a backfill makes all their thumbnails again, while people upload one photo after the other")
            backfill = client.submit([job["source"] for job in jobs], priority="LOW")
            for photo in islice(cycle(photos), plan.uploads):
                [job] = client.upload([photo])
                measure.ended(client, [job["jobId"]])
            measure.ended(client, [job["jobId"] for job in backfill])
            time.sleep(_SECONDS_AFTERWARDS)
    return Watched(_samples(texts), texts[-1][1])


def by_label(samples: Samples, metric: str, label: str) -> pd.DataFrame:
    """Return a gauge or a counter over time: a row for each moment, a column for each value of the label, added up."""
    rows = samples[samples.metric == metric]
    return rows.pivot_table(index="seconds", columns=label, values="value", aggfunc="sum").sort_index()


def total(samples: Samples, metric: str) -> pd.Series:
    """Return a gauge or a counter over time, all its labels added up: `sum(METRIC)`."""
    return samples[samples.metric == metric].groupby("seconds").value.sum()


def rate(counter: pd.DataFrame) -> pd.DataFrame:
    """Return how much counters rise each second, from one reading to the next: PromQL's `rate`."""
    return counter.diff().div(counter.index.to_series().diff(), axis="index").iloc[1:]


def rise(samples: Samples, metric: str, label: str) -> pd.Series:
    """Return how much a counter rose from the first reading to the last, by a label: PromQL's `increase`."""
    over_time = by_label(samples, metric, label)
    return over_time.iloc[-1] - over_time.iloc[0]


def quantile(samples: Samples, metric: str, label: str, fraction: float) -> pd.Series:
    """Return a quantile of a histogram's new values in seconds, by a label: PromQL's `histogram_quantile`.

    It takes the values of a bucket as evenly spread. A label without new values is left out.
    """
    buckets = samples[samples.metric == f"{metric}_bucket"]
    found = {}
    for name, own in buckets.groupby(label):
        counts = rise(own, f"{metric}_bucket", "le")
        counts.index = counts.index.astype(float)
        if counts.max() > 0:
            found[str(name)] = _of_buckets(counts.sort_index(), fraction)
    return pd.Series(found, dtype=float)


def quantiles(samples: Samples, metric: str, label: str) -> pd.DataFrame:
    """Return the median and the 95th percentile of a histogram's new values in seconds: a row for each label."""
    fractions = {"median": 0.5, "95 %": 0.95}
    return pd.DataFrame({name: quantile(samples, metric, label, fraction) for name, fraction in fractions.items()})


def _of_buckets(cumulative: pd.Series, fraction: float) -> float:
    wanted = fraction * cumulative.iloc[-1]
    place = int((cumulative >= wanted).argmax())
    upper = float(cumulative.index[place])
    lower, before = (float(cumulative.index[place - 1]), cumulative.iloc[place - 1]) if place else (0.0, 0.0)
    if upper == float("inf"):
        return lower
    return lower + (upper - lower) * float((wanted - before) / (cumulative.iloc[place] - before))


@contextmanager
def _drawn(plan: Plan) -> Iterator[list[Path]]:
    with tempfile.TemporaryDirectory(prefix="rt-notebook-") as folder:
        few = min(plan.photos, 20)  # drawing takes longer than uploading
        yield list(draw_photos(Path(folder), count=few, size_mb=plan.size_mb, processes=os.cpu_count() or 1))


@contextmanager
def _read_again_and_again(client: Client) -> Iterator[list[tuple[float, str]]]:
    """Read /metrics now, and every second while the context lasts. Give each text, and when it was read in seconds."""
    texts = [(0.0, scraped(client.url))]
    over = threading.Event()
    began = time.monotonic()

    def read() -> None:
        while not over.wait(_EVERY_SECONDS):
            texts.append((time.monotonic() - began, scraped(client.url)))

    reader = threading.Thread(target=read, name="scraper", daemon=True)
    reader.start()
    try:
        yield texts
    finally:
        over.set()
        reader.join()


def scraped(url: str) -> str:
    """Return what /metrics says to whoever has the key of the environment, as Prometheus would get it."""
    key = os.environ.get("RAYTHUMBS_API_KEY")
    reply = httpx2.get(f"{url}/metrics", headers={"Authorization": f"Bearer {key}"} if key else {}, timeout=30)
    return reply.raise_for_status().text


def _samples(texts: Sequence[tuple[float, str]]) -> Samples:
    rows: list[dict[str, Any]] = [
        {"seconds": at, "metric": sample.name, **sample.labels, "value": sample.value}
        for at, text in texts
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
    return pd.DataFrame(rows)
