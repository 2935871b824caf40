"""A real Ray of two nodes at most, started once; each test has a queue of its own on it."""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import psutil
import pytest

os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_ENABLE_UV_RUN_RUNTIME_ENV="0")  # Ray reads them when imported

import ray
from ray.cluster_utils import Cluster

from raythumbs.bench.pictures import draw_photo
from raythumbs.cluster.join import NAMESPACE
from raythumbs.cluster.nodes import SLOT_RESOURCE
from raythumbs.errors import QueueUnavailable
from raythumbs.model.figures import Figures
from raythumbs.model.ids import new_id
from raythumbs.model.job import INCOMPLETE, Job, JobRequest, Priority
from raythumbs.model.overview import Status
from raythumbs.queue.handle import QueueHandle
from raythumbs.queue.lifecycle import start_queue, stop_queue
from raythumbs.settings import Settings, load_settings
from raythumbs.settings.sealed import seal

NODE = {"num_cpus": 2, "resources": {SLOT_RESOURCE: 2}, "object_store_memory": 100 * 1024 * 1024}


@pytest.fixture(scope="session")
def cluster(aws_credentials: None) -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="rt-", dir="/tmp"))  # short, for the paths of sockets
    (folder / "ray").mkdir()
    started = Cluster()
    try:
        os.environ["RAY_TMPDIR"] = str(folder)  # nothing of another Ray's on this machine is touched
        started.add_node(**NODE, include_dashboard=False)
        ray.init(address=started.address, namespace=NAMESPACE, logging_level="ERROR", log_to_driver=False)
        yield started
    finally:
        ray.shutdown()
        started.shutdown()
        del os.environ["RAY_TMPDIR"]
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Forty photos as from a camera: long enough to do that something can happen on the way."""
    folder = tmp_path_factory.mktemp("photos")
    drawn = [draw_photo(seed, size_mb=2) for seed in range(2)]
    paths = [folder / f"photo-{number}.jpg" for number in range(40)]
    for number, path in enumerate(paths):
        path.write_bytes(drawn[number % 2])
    return paths


class LiveQueue:
    """The queue actor of one test, and ways to wait for what it does."""

    def __init__(self, settings: Settings, handle: QueueHandle) -> None:
        self.settings = settings
        self.handle = handle

    def submit(self, paths: Sequence[Path]) -> list[str]:
        now = time.time()
        requests = [
            JobRequest(
                job_id=new_id(now=now), photo_id=new_id(now=now), source=f"file://{path}", priority=Priority.NORMAL
            )
            for path in paths
        ]
        return [job.id for job in asyncio.run(self.handle.enqueue(requests))]

    def job(self, job_id: str) -> Job:
        return asyncio.run(self.handle.job(job_id)).job

    def status(self) -> Status:
        return asyncio.run(self.handle.status())

    def figures(self) -> Figures:
        return asyncio.run(self.handle.figures())

    def ended(self, job_ids: Sequence[str]) -> list[Job]:
        """Wait until these jobs have ended; return them."""
        jobs: list[Job] = []

        def all_ended() -> bool:
            try:
                jobs[:] = [self.job(job_id) for job_id in job_ids]
            except QueueUnavailable:  # it may be starting again, on a machine that has much to do
                return False
            return not any(job.state in INCOMPLETE for job in jobs)

        eventually(all_ended, seconds=120)
        return jobs

    def at_work(self) -> None:
        """Wait until some of the photos are done, and some are not."""
        eventually(lambda: any(Path(self.settings.data_dir).rglob("thumbnail.jpg")) and self.status().running > 0)

    @property
    def pid(self) -> int:
        return next(process.pid for process in family() if "ThumbnailQueue" in title(process))


def eventually(met: Callable[[], object], *, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def family() -> list[psutil.Process]:
    """Every process that this one started, and theirs."""
    return psutil.Process().children(recursive=True)


def title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def sandboxes() -> list[psutil.Process]:
    return [process for process in family() if "raythumbs.imaging.sandbox_child" in title(process)]


def holds_photo(sandbox: psutil.Process) -> bool:
    try:
        return any(file.path.endswith(".jpg") for file in sandbox.open_files())
    except psutil.Error:
        return False


StartQueue = Callable[..., LiveQueue]


@pytest.fixture
def start(cluster: Cluster, tmp_path: Path) -> Iterator[StartQueue]:
    def started(*, environment: Mapping[str, str] = MappingProxyType({}), **given: object) -> LiveQueue:
        settings = load_settings(data_dir=tmp_path, allowed_sources=("file:///",), **given)
        return LiveQueue(settings, asyncio.run(start_queue(seal(settings, tmp_path, environment=environment))))

    yield started
    asyncio.run(stop_queue())
