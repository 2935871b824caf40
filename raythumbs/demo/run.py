"""Sends photos through the whole service, then renders the same photos one after the other, and compares."""

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path

import psutil
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from raythumbs.bench.local_service import await_workers, local_service, orderly_end
from raythumbs.bench.memory import warm_memory
from raythumbs.bench.pictures import draw_photos
from raythumbs.client import Client, Refused
from raythumbs.demo.result import DemoPlan, DemoResult
from raythumbs.demo.sequential import sequential_seconds
from raythumbs.errors import BadRequest
from raythumbs.settings import load_settings

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".avif", ".heic", ".heif"}
_UPLOADS_AT_ONCE = 1
_PHOTOS_AN_UPLOAD = 5  # as a photo app sends them
_POLL_SECONDS = 1  # polling takes CPU from the photos
_NEARLY_DONE = 0.8  # from this share on, poll more often
_FINAL = ("succeeded", "failed", "cancelled")


def run_demo(plan: DemoPlan, *, quiet: bool) -> DemoResult:
    """Run the demo in a new folder. Afterwards keep only the thumbnails, and leave no process behind."""
    folder = Path(tempfile.mkdtemp(prefix="raythumbs-demo-"))
    with orderly_end(), _bars(quiet=quiet) as bars:
        try:
            return _run(plan, folder, bars)
        finally:
            _keep_thumbnails(folder)


def _run(plan: DemoPlan, folder: Path, bars: Progress) -> DemoResult:
    settings = load_settings(data_dir=folder / "data", store=None)
    photos = _taken(plan.pictures) if plan.pictures else _drawn(plan, folder / "pictures", bars)
    environment = {
        "RAYTHUMBS_STORE": f"file://{folder}/data/store",
        "RAYTHUMBS_DATABASE": f"sqlite:///{folder}/data/raythumbs.db",
    }
    starting = bars.add_task("starting the service", total=None)
    with local_service(folder / "data", environment=environment) as client:
        await_workers(client)
        warm_memory(photos, folder / "data")
        bars.remove_task(starting)
        psutil.cpu_percent()  # starts the measurement
        began_at = time.time()
        accepted, states = _through_the_service(client, photos, bars)
        cpu_percent = psutil.cpu_percent()
        seconds = _last_finished_at(client) - began_at
        workers = client.status()["maxWorkers"]
    comparing = bars.add_task("one after the other", total=None)
    warm_memory(photos, folder / "sequential")
    alone = sequential_seconds(photos, folder / "sequential", settings.specs)
    bars.remove_task(comparing)
    return DemoResult(
        accepted=accepted,
        succeeded=states["succeeded"],
        failed=len(photos) - states["succeeded"],
        seconds=round(seconds, 3),
        photos_per_second=round(accepted / seconds, 2),
        sequential_photos_per_second=round(len(photos) / alone, 2),
        speedup=round((accepted / seconds) / (len(photos) / alone), 2),
        cpu_percent=round(cpu_percent, 1),
        workers=workers,
        thumbnails_dir=str(folder / "data" / "store" / settings.thumbnails_prefix),
    )


def _through_the_service(client: Client, photos: Sequence[Path], bars: Progress) -> tuple[int, dict[str, int]]:
    uploading = bars.add_task("uploaded", total=len(photos))
    rendering = bars.add_task("thumbnails", total=len(photos))
    sets = [photos[first : first + _PHOTOS_AN_UPLOAD] for first in range(0, len(photos), _PHOTOS_AN_UPLOAD)]
    with ThreadPoolExecutor(_UPLOADS_AT_ONCE) as uploads:
        answers = [uploads.submit(_sent, client, several, partial(bars.advance, uploading)) for several in sets]
        while True:
            states: dict[str, int] = client.status()["states"]
            done = sum(states[state] for state in _FINAL)
            bars.update(rendering, completed=done)
            if all(answer.done() for answer in answers):
                accepted = sum(answer.result() for answer in answers)
                if done >= accepted:
                    return accepted, states
            time.sleep(_POLL_SECONDS if done < len(photos) * _NEARLY_DONE else _POLL_SECONDS / 5)


def _sent(client: Client, photos: Sequence[Path], advance: Callable[[float], None]) -> int:
    """Upload photos. If they are refused together, upload each alone: a bad file must not keep the others out."""
    try:
        accepted = len(client.upload(photos))
    except Refused:
        if len(photos) == 1:
            accepted = 0
        else:
            return sum(_sent(client, [photo], advance) for photo in photos)
    advance(len(photos))
    return accepted


def _last_finished_at(client: Client) -> float:
    """Return when the last job ended, as the service recorded it. The polls notice it later."""
    return max((datetime.fromisoformat(job["finishedAt"]).timestamp() for job in client.jobs()), default=time.time())


def _drawn(plan: DemoPlan, folder: Path, bars: Progress) -> list[Path]:
    drawing = bars.add_task("drawing photos", total=plan.photos)
    photos = []
    for photo in draw_photos(folder, count=plan.photos, size_mb=plan.size_mb, processes=psutil.cpu_count() or 1):
        photos.append(photo)
        bars.advance(drawing)
    return photos


def _taken(folder: Path) -> list[Path]:
    photos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    if not photos:
        raise BadRequest(f"{folder} has no pictures ({', '.join(sorted(_SUFFIXES))})")
    return photos


def _keep_thumbnails(folder: Path) -> None:
    data = folder / "data"
    store = data / "store"
    for parent, kept in ((folder, data), (data, store), (store, store / "thumbnails")):
        for path in parent.iterdir() if parent.is_dir() else ():
            if path.is_dir() and path != kept:
                shutil.rmtree(path, ignore_errors=True)
            elif path != kept:
                path.unlink()


def _bars(*, quiet: bool) -> Progress:
    columns = (TextColumn("{task.description:20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True)
