"""A real Ray, started once, and queues on it.

An actor and two processes that render take ten seconds of a CPU to start. So tests share the queue with their settings,
if it runs already.
"""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil
import pytest

# As `raythumbs env` has them. Ray reads the first two when it is imported. With its own niceness, 15, its workers would
# stand still beside other tests.
os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_ENABLE_UV_RUN_RUNTIME_ENV="0", RAY_worker_niceness="0")

import ray
from ray._private.node import Node
from ray.cluster_utils import Cluster

from raythumbs.bench.pictures import draw_photo
from raythumbs.cluster.join import NAMESPACE
from raythumbs.cluster.local import changed_ray
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

NODE = {
    "num_cpus": 2,
    "resources": {SLOT_RESOURCE: 2},
    "object_store_memory": 100 * 1024 * 1024,
    "include_log_monitor": False,  # nobody reads what it would hand on
}
SMALL_NODE = {**NODE, "num_cpus": 1, "resources": {SLOT_RESOURCE: 1}}

# What workers import beside Ray. Queues are on the head.
OF_QUEUES = ["raythumbs.queue.thumbnail_queue"]
OF_RENDERING = ["raythumbs.worker.task"]


class QuietCluster(Cluster):
    """Nodes without the processes that a local Ray does without: they would take 5 s of CPU beside the head, and 2 s
    beside each other node."""

    def add_node(self, **shape: Any) -> Node:
        with changed_ray(OF_RENDERING if self.list_all_nodes() else OF_QUEUES + OF_RENDERING):
            return super().add_node(**shape)


@pytest.fixture(scope="session")
def cluster(aws_credentials: None) -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="rt-", dir="/tmp"))  # short, for the paths of sockets
    (folder / "ray").mkdir()
    started = QuietCluster()
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
def drawn() -> bytes:
    """A photo as from a camera: long enough to do that something can happen on the way."""
    return draw_photo(0, size_mb=2)


@pytest.fixture
def photos(drawn: bytes, tmp_path: Path) -> list[Path]:
    """Thirty photos, which no queue has seen before."""
    first, *others = (tmp_path / "photos" / f"photo-{number}.jpg" for number in range(30))
    first.parent.mkdir()
    first.write_bytes(drawn)
    for path in others:
        path.hardlink_to(first)
    return [first, *others]


class LiveQueue:
    """A queue's actor, and ways to wait for what it does."""

    def __init__(self, settings: Settings, handle: QueueHandle) -> None:
        self.settings = settings
        self.handle = handle
        self._earlier = self._stored()

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

    def jobs(self, job_ids: Sequence[str]) -> list[Job]:
        async def asked() -> list[Job]:
            return [one.job for one in await asyncio.gather(*map(self.handle.job, job_ids))]

        return asyncio.run(asked())

    def status(self) -> Status:
        return asyncio.run(self.handle.status())

    def answers(self) -> bool:
        try:
            return bool(self.status().nodes)
        except QueueUnavailable:
            return False

    def figures(self) -> Figures:
        return asyncio.run(self.handle.figures())

    def ended(self, job_ids: Sequence[str]) -> list[Job]:
        """Wait until these jobs have ended; return them. Until the last has, it alone is asked for."""
        ended: dict[str, Job] = {}

        def have_ended() -> bool:
            rest = [job_id for job_id in job_ids if job_id not in ended]
            try:
                if not rest or self.job(rest[-1]).state in INCOMPLETE:
                    return not rest
                ended.update({job.id: job for job in self.jobs(rest) if job.state not in INCOMPLETE})
            except QueueUnavailable:  # it may be starting again, on a machine that has much to do
                return False
            return len(ended) == len(job_ids)

        eventually(have_ended, seconds=120, every=0.3)
        return [ended[job_id] for job_id in job_ids]

    def thumbnails(self) -> set[Path]:
        """All that were stored, also by earlier tests."""
        return set(Path(self.settings.data_dir).rglob("thumbnail.jpg"))

    def _stored(self) -> int:
        return sum("thumbnail.jpg" in files for _, _, files in os.walk(self.settings.data_dir))

    def at_work(self) -> None:
        """Wait until some of the photos are done that came since this test began to look, and some are not."""
        eventually(lambda: self._stored() > self._earlier and self.status().running > 0)

    @property
    def pid(self) -> int:
        return next(process.pid for process in family() if "ThumbnailQueue" in title(process))


def eventually(met: Callable[[], object], *, seconds: float = 60, every: float = 0.1) -> None:
    """Look every so many seconds until it is so. A look at the queue or at all processes is not free: what waits for
    the start of processes takes their CPU from them."""
    until = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(every)


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
    """Start a queue with a record of its own, which ends with the test."""

    def started(*, environment: Mapping[str, str] = MappingProxyType({}), **given: object) -> LiveQueue:
        return begun(tmp_path, environment=environment, **given)

    yield started
    asyncio.run(stop_queue())


def begun(folder: Path, *, environment: Mapping[str, str] = MappingProxyType({}), **given: object) -> LiveQueue:
    """Return the queue that has its record there; one that runs already with these settings stays."""
    settings = load_settings(data_dir=folder, allowed_sources=("file:///",), **given)
    queue = LiveQueue(settings, asyncio.run(start_queue(seal(settings, folder, environment=environment))))
    eventually(queue.answers)  # on a machine that has much to do, it takes longer to open than it lets a caller wait
    return queue


SHARE_BYTES = 5 * 1024 * 1024  # of one worker: the photos fit in it, as a JPEG is decoded at a quarter of its sides
SETTINGS = {
    "worker_decode_bytes": SHARE_BYTES,
    "job_timeout_seconds": 200,  # some tests hold a process still until they have seen what they need
}


class Shared:
    """The queue that tests share, one after the other; and its record, which is left when a photo of it is not done."""

    def __init__(self, new_folder: Callable[[], Path]) -> None:
        self._new_folder = new_folder
        self._folder = new_folder()
        self._queue: LiveQueue | None = None

    def queue(self, **given: object) -> LiveQueue:
        self._queue = queue = begun(self._folder, **{**SETTINGS, **given})
        eventually(lambda: len(queue.status().nodes) == 1)  # it has missed the nodes of earlier tests
        return queue

    def leave(self) -> None:
        """End the queue if it is not as the next test expects it: that would fail for the fault of this one."""
        if self._queue and not self._comes_to_rest(self._queue):
            asyncio.run(stop_queue())
            self._folder = self._new_folder()
        self._queue = None

    def _comes_to_rest(self, queue: LiveQueue) -> bool:
        try:
            eventually(lambda: self._is_at_rest(queue), seconds=2)  # a status may be a little old
        except AssertionError:
            return False
        return True

    def _is_at_rest(self, queue: LiveQueue) -> bool:
        return queue.answers() and not any(queue.status().overview.states[state] for state in INCOMPLETE)


@pytest.fixture(scope="session")
def one_for_all(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    yield Shared(lambda: tmp_path_factory.mktemp("queue"))
    asyncio.run(stop_queue())


@pytest.fixture
def shared(one_for_all: Shared) -> Iterator[StartQueue]:
    """Start a queue with these settings, if none runs that has them; it goes on for the tests that follow."""
    yield one_for_all.queue
    one_for_all.leave()
