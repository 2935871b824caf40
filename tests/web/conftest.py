"""The web application over a queue without Ray: a real database, store and sandbox, in this process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from raythumbs.app import dependencies
from raythumbs.bench.pictures import draw_photo
from raythumbs.cluster.nodes import Node
from raythumbs.queue.batch import Batch
from raythumbs.queue.parts import Given
from raythumbs.settings import Settings, load_settings
from raythumbs.web.api import make_app
from raythumbs.worker.pipeline import Reports, render
from raythumbs.worker.plan import Plan
from raythumbs.worker.stages import Stages
from tests.batches import no_more
from tests.decoders import Lent, end_all
from tests.records import lay_record
from tests.verbs import Verbs
from tests.waits import eventually

if TYPE_CHECKING:
    from tests.web.chromium import Chromium

HERE = "http://127.0.0.1:8000"
NODE = Node("here", cpus=1)


class Batches:
    """Renders batches in this process instead of a Ray worker. The decoder starts with the first photo: most tests have
    none."""

    def __init__(self, settings: Settings) -> None:
        self._plan = Plan.of(settings)
        self._stages: Stages | None = None
        self._thread = ThreadPoolExecutor(1)
        self._is_closed = False

    async def __call__(self, batch: Batch) -> AsyncIterator[Reports]:
        if not batch.leases or self._is_closed:
            return
        stages = self._stages = self._stages or Stages(self._plan, Lent(self._plan))
        rendering = self._thread.submit(lambda: list(render(stages, batch.leases, no_more)))
        for reports in await asyncio.wrap_future(rendering):
            yield reports

    def close(self) -> None:
        self._is_closed = True
        self._thread.shutdown()  # else what still renders would start another decoder
        if self._stages:
            self._stages.close()


class Service:
    """The application, and ways to wait for what it does."""

    def __init__(self, http: httpx2.AsyncClient, settings: Settings, queue: Verbs) -> None:
        self.http = http
        self.settings = settings
        self.queue = queue

    async def upload(self, *files: tuple[str, bytes], folder_id: str | None = None) -> httpx2.Response:
        return await self.http.post(
            "/api/uploads/direct",
            files=[("file", file) for file in files],
            data={"folderId": folder_id} if folder_id else {},
        )

    async def ended(self, job_id: str) -> dict[str, Any]:
        job: dict[str, Any] = {}

        async def has_ended() -> bool:
            job.update((await self.http.get(f"/api/jobs/{job_id}")).json())
            return job["state"] not in {"queued", "running"}

        await eventually(has_ended)
        return job

    @property
    def originals(self) -> list[Path]:
        folder = self.settings.data_dir / "store"
        return [path for path in folder.rglob("*") if path.is_file() and "thumbnails" not in path.parts]


async def _nodes() -> dict[str, Node]:
    return {NODE.id: NODE}


@asynccontextmanager
async def _serving(settings: Settings, others: Mapping[str, Any]) -> AsyncIterator[Service]:
    batches = Batches(settings)
    queue = Verbs(Given(settings=settings, shard=0, plan=Plan.of(settings), run=batches, nodes=_nodes))
    deps = replace(dependencies(settings, queue), **others)
    transport = httpx2.ASGITransport(make_app(deps), raise_app_exceptions=False)
    try:
        async with httpx2.AsyncClient(transport=transport, base_url=HERE) as http:
            yield Service(http, settings, queue)
    finally:
        await queue.drain()
        await queue.close()
        batches.close()


Scenario = Callable[[Service], Awaitable[Any]]


@pytest.fixture
def served(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Run a scenario against a service; return what it returns. `others` are other dependencies than the usual ones."""
    with_pages = "chromium" in request.fixturenames
    run_within = request.getfixturevalue("chromium").run if with_pages else asyncio.run

    def run(scenario: Scenario, *, others: Mapping[str, Any] | None = None, **given: object) -> Any:
        settings = load_settings(**{"data_dir": tmp_path / "data", **given})
        lay_record(settings)

        async def within() -> Any:
            async with _serving(settings, others or {}) as service:
                return await scenario(service)

        return run_within(within())

    return run


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End the lent decoders with the last test of this room: other rooms count the decoders of their process."""
    if nextitem is None or nextitem.path.parent != item.path.parent:
        end_all()


@pytest.fixture(scope="session")
def chromium() -> Iterator["Chromium"]:
    """A Chromium, for pages."""
    from tests.web.chromium import running

    with running() as chromium:
        yield chromium


@pytest.fixture(scope="session")
def photo() -> bytes:
    return draw_photo(1, size_mb=0.2)
