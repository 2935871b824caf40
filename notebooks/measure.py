"""What the notebook measures. Each function starts what it needs and stops it again, whatever happens in between."""

import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
from pydantic import Field, PositiveInt
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from raythumbs import Client
from raythumbs.bench.latency_store import latency_store, store_folder
from raythumbs.bench.local_service import await_workers, local_service, orderly_end
from raythumbs.bench.pictures import draw_photos
from raythumbs.bench.plans import ThroughputPlan
from raythumbs.bench.report import BenchFailed, Report
from raythumbs.bench.throughput.contestants import a_service
from raythumbs.bench.throughput.lap import Failure, Row, lap
from raythumbs.bench.throughput.run import PHOTOS, contest_of, run, stored

NOTEBOOKS = Path(__file__).parent
_CORES = len(os.sched_getaffinity(0))
_MOST_SLOTS = 8  # of a node, unless it is set otherwise
_OURS = ("sequential", "process pool", "raythumbs")
_PHOTOS_AN_UPLOAD = 5  # as a photo app sends them
_FEW_WAITING = 4 * _CORES
_CPU_SECONDS = 0.2
_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 300.0
_FINAL = {"succeeded", "failed", "cancelled"}

Job = dict[str, Any]


class Parameters(BaseSettings):
    """A notebook's parameters. What the environment says comes first, then what the cell says."""

    @classmethod
    def settings_customise_sources(  # noqa: PLR0917 pydantic's signature
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment overrule the cell."""
        return env_settings, init_settings


class Plan(Parameters):
    """The notebook's parameters. What the environment says (RAYTHUMBS_NOTEBOOK_PHOTOS=20, ...) comes first."""

    model_config = SettingsConfigDict(env_prefix="RAYTHUMBS_NOTEBOOK_", frozen=True)

    url: str | None = None
    photos: PositiveInt = 60
    size_mb: float = Field(default=1.0, ge=0.05, le=50)
    store_latencies_ms: tuple[float, ...] = Field(default=(0, 50), min_length=1)
    runs: PositiveInt = 1
    peers: bool = True
    growth: tuple[PositiveInt, ...] = Field(default=(20, 60, 180), min_length=2)
    uploads: PositiveInt = 20  # one at a time, alone and in a backfill


@dataclass(frozen=True)
class AtWork:
    """What one service did: see charts.py for the columns."""

    cpu: pd.DataFrame
    done: pd.DataFrame
    waits: pd.DataFrame
    growth: pd.DataFrame


def everybody(plan: Plan) -> Report:
    """Measure the ways to make thumbnails, as `raythumbs bench throughput` does."""
    asked = _throughput_plan(plan)
    return run(asked if plan.peers else replace(asked, only=list(_OURS)), say=print)


def by_slots(plan: Plan, report: Report) -> pd.DataFrame:
    """Measure raythumbs with 1, 2, ... slots, but not again with as many as it had in `report`."""
    asked = _throughput_plan(plan)
    default = min(_CORES, _MOST_SLOTS)
    rates = {default: _rate(next(row for row in report.figures["rows"] if row.contestant == "raythumbs"))}
    with orderly_end(), store_folder() as folder:
        photos, warm_up = stored(asked, folder / "buckets" / PHOTOS)
        with latency_store(folder, latency_ms=plan.store_latencies_ms[0]) as store:
            contest = contest_of(store, photos, warm_up)
            for slots in sorted(set(range(1, _CORES + 1)) - {default}):
                print(f"with {slots} of {_CORES} slots")
                with _environment("RAYTHUMBS_MAX_WORKERS_PER_NODE", str(slots)):
                    rates[slots] = _rate(lap(a_service(), contest, store))
    return pd.DataFrame(sorted(rates.items()), columns=["slots", "photos_per_second"])


def at_work(plan: Plan) -> AtWork:
    """Upload photos to one service: many at once, more and more of them, and one at a time, alone and in a backfill."""
    with _drawn(plan) as photos, service(plan.url) as client:
        ended(client, _uploaded(client, photos[:_CORES]))  # the first ones warm it up
        print(f"{len(photos)} photos at once")
        with _cpu_watched() as samples:
            time.sleep(2 * _CPU_SECONDS)
            crowd = ended(client, _uploaded(client, photos))
            time.sleep(2 * _CPU_SECONDS)
        grown = [_many(client, photos, count) for count in plan.growth]
        print("one photo at a time")
        few = list(islice(cycle(photos), plan.uploads))
        alone = [_one(client, photo) for photo in few]
        print("one photo at a time, in a backfill")
        urgent = _during_a_backfill(client, few, [job["source"] for jobs in grown for job in jobs])
    waits = {"one at a time": alone, "one at a time, in a backfill": urgent, f"{len(crowd)} at once": crowd}
    return AtWork(cpu=_cpu(samples, crowd), done=_done(crowd), waits=_waits(waits), growth=_growth(grown))


def _throughput_plan(plan: Plan) -> ThroughputPlan:
    return ThroughputPlan(
        photos=plan.photos,
        size_mb=plan.size_mb,
        store_latency_ms=list(plan.store_latencies_ms),
        runs=plan.runs,
        peers_dir=NOTEBOOKS / "peers",
    )


def _rate(row: Row | Failure) -> float:
    if isinstance(row, Failure):
        raise BenchFailed(row.error)
    return row.photos_per_second


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


@contextmanager
def _drawn(plan: Plan) -> Iterator[list[Path]]:
    with tempfile.TemporaryDirectory(prefix="rt-notebook-") as folder:
        yield list(draw_photos(Path(folder), count=plan.photos, size_mb=plan.size_mb, processes=_CORES))


@contextmanager
def service(url: str | None) -> Iterator[Client]:
    """Give a client to the service at this address, or to one that is started for it and stopped again."""
    if url:
        with Client(url) as client:
            yield client
        return
    with orderly_end(), tempfile.TemporaryDirectory(prefix="rt-notebook-") as folder:
        environment = {
            "RAYTHUMBS_STORE": f"file://{folder}/data/store",
            "RAYTHUMBS_DATABASE": f"sqlite:///{folder}/data/raythumbs.db",
        }
        print("starting the service")
        with local_service(Path(folder) / "data", environment=environment) as client:
            await_workers(client)
            yield client


def _many(client: Client, photos: Sequence[Path], count: int) -> list[Job]:
    print(f"{count} photos")
    return ended(client, _uploaded(client, list(islice(cycle(photos), count))))


def _one(client: Client, photo: Path) -> Job:
    [job] = ended(client, _uploaded(client, [photo]))
    return job


def _uploaded(client: Client, photos: Sequence[Path]) -> list[str]:
    """Upload photos, some in each request; return the ids of their jobs."""
    sets = [photos[first : first + _PHOTOS_AN_UPLOAD] for first in range(0, len(photos), _PHOTOS_AN_UPLOAD)]
    return [job["jobId"] for several in sets for job in client.upload(several)]


def _during_a_backfill(client: Client, photos: Sequence[Path], sources: Sequence[str]) -> list[Job]:
    """Upload one photo at a time while those of `sources` are made anew at LOW priority, again and again."""
    backfill: list[str] = []
    urgent = []
    for photo in photos:
        if client.status()["queueSize"] < _FEW_WAITING:
            backfill = [job["jobId"] for job in client.submit(sources, priority="LOW")]
        urgent.append(_one(client, photo))
    ended(client, backfill)
    return urgent


def ended(client: Client, job_ids: Sequence[str]) -> list[Job]:
    """Wait until each of the jobs has succeeded; return them."""
    until = time.monotonic() + _PATIENCE_SECONDS
    for job_id in reversed(job_ids):  # the last one tells most
        while client.job(job_id)["state"] not in _FINAL:
            if time.monotonic() > until:
                raise TimeoutError(f"job {job_id} has not ended after {_PATIENCE_SECONDS:g} s")
            time.sleep(_POLL_SECONDS)
    jobs = [client.job(job_id) for job_id in job_ids]
    if failed := [job for job in jobs if job["state"] != "succeeded"]:
        raise RuntimeError(f"{len(failed)} of {len(jobs)} jobs did not succeed: {failed[0]['reason']}")
    return jobs


@contextmanager
def _cpu_watched() -> Iterator[list[tuple[float, float]]]:
    """Look at the machine while the context lasts: when (UTC seconds), and the percentage of all cores."""
    samples: list[tuple[float, float]] = []
    over = threading.Event()

    def look_on() -> None:
        while not over.is_set():
            percent = psutil.cpu_percent(interval=_CPU_SECONDS)
            samples.append((time.time() - _CPU_SECONDS / 2, percent))

    watch = threading.Thread(target=look_on, name="cpu", daemon=True)
    watch.start()
    try:
        yield samples
    finally:
        over.set()
        watch.join()


def _cpu(samples: Sequence[tuple[float, float]], jobs: Sequence[Job]) -> pd.DataFrame:
    began = min(map(_created_at, jobs))
    return pd.DataFrame([(at - began, percent) for at, percent in samples], columns=["seconds", "cpu_percent"])


def _done(jobs: Sequence[Job]) -> pd.DataFrame:
    began = min(map(_created_at, jobs))
    ends = sorted(_finished_at(job) - began for job in jobs)
    return pd.DataFrame({"seconds": [0.0, *ends], "photos": range(len(ends) + 1)})


def _waits(waits: dict[str, list[Job]]) -> pd.DataFrame:
    waited = [(who, _finished_at(job) - _created_at(job)) for who, jobs in waits.items() for job in jobs]
    return pd.DataFrame(waited, columns=["who", "seconds"])


def _growth(several: Sequence[Sequence[Job]]) -> pd.DataFrame:
    """Return the seconds of each set of jobs, from the first that was accepted to the last that ended."""
    seconds = [max(map(_finished_at, jobs)) - min(map(_created_at, jobs)) for jobs in several]
    return pd.DataFrame({"photos": [len(jobs) for jobs in several], "seconds": seconds})


def _created_at(job: Job) -> float:
    return datetime.fromisoformat(job["createdAt"]).timestamp()


def _finished_at(job: Job) -> float:
    return datetime.fromisoformat(job["finishedAt"]).timestamp()
