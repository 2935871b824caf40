"""Thumbnails of local files, without a service: what `raythumbs render` does."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from queue import SimpleQueue
from secrets import token_hex
from typing import Literal

from raythumbs.errors import AccessDenied, NoSuchObject, RaythumbsError, StoreUnavailable
from raythumbs.imaging.limits import Limits
from raythumbs.imaging.render import Rendered
from raythumbs.imaging.sandbox import Sandbox
from raythumbs.model.photo import RenditionSpec
from raythumbs.settings import Settings
from raythumbs.storage.files import FileStore

_RESET_PEAK = "5"  # proc(5), /proc/pid/clear_refs


@dataclass(frozen=True, slots=True, kw_only=True)
class FileResult:
    """The result of one file. `width` and `height` are the thumbnail's, in pixels.

    `notes` are faults of the file that are no reason to refuse it.
    `cpu_ms` and `peak_rss_mb` (MiB) are the CPU time and the peak memory of the process that decoded it, during this
    file alone; None if unknown.
    """

    source: str
    state: Literal["succeeded", "failed"]
    code: str | None = None
    reason: str | None = None
    width: int | None = None
    height: int | None = None
    output: str | None = None
    notes: tuple[str, ...] = ()
    cpu_ms: float | None = None
    peak_rss_mb: float | None = None


def render_files(
    sources: Sequence[Path], folder: Path, spec: RenditionSpec, settings: Settings, *, jobs: int
) -> Iterator[FileResult]:
    """Make a thumbnail of every file, `jobs` at a time, in a folder. Yield the results in the order of the sources.

    Each file is decoded in a sandbox, under the limits of the settings; a bad file does not affect the others. A
    thumbnail is written whole or not at all, and never over a source. Raises StoreUnavailable or AccessDenied if the
    folder cannot be made.
    """
    _make(folder)
    outputs = _outputs(sources, folder, spec.format.extension)
    with ExitStack() as stack:
        limits = Limits(
            decode_bytes=settings.max_decode_bytes, missing_rows=settings.missing_rows, native=settings.native
        )
        sandboxes = _Sandboxes(settings, [stack.enter_context(closing(Sandbox([spec], limits))) for _ in range(jobs)])
        threads = stack.enter_context(ThreadPoolExecutor(jobs))
        stack.callback(threads.shutdown, cancel_futures=True)  # if the caller stops early, start no more files
        yield from threads.map(sandboxes.render, sources, outputs)


class _Sandboxes:
    """The sandboxes, one for each file that may be rendered at a time."""

    def __init__(self, settings: Settings, sandboxes: Sequence[Sandbox]) -> None:
        self._settings = settings
        self._free: SimpleQueue[Sandbox] = SimpleQueue()
        for sandbox in sandboxes:
            self._free.put(sandbox)

    def render(self, source: Path, output: Path) -> FileResult:
        """Render one file in the next free sandbox."""
        sandbox = self._free.get()
        try:
            return self._rendered(sandbox, source, output)
        finally:
            self._free.put(sandbox)

    def _rendered(self, sandbox: Sandbox, source: Path, output: Path) -> FileResult:
        pid = sandbox.start().process.pid
        _reset_peak(pid)
        try:
            rendered, cpu_seconds = self._asked(sandbox, source)
            [made] = rendered.renditions
            _write(output, made.data)
        except RaythumbsError as error:
            return FileResult(
                source=str(source), state="failed", code=error.code, reason=error.reason, peak_rss_mb=_peak_mb(pid)
            )
        return FileResult(
            source=str(source),
            state="succeeded",
            width=made.width,
            height=made.height,
            output=str(output),
            notes=rendered.notes,
            cpu_ms=round(cpu_seconds * 1000, 2),
            peak_rss_mb=_peak_mb(pid),
        )

    def _asked(self, sandbox: Sandbox, source: Path) -> tuple[Rendered, float]:
        seconds, max_bytes = self._settings.job_timeout_seconds, self._settings.max_photo_bytes
        path = source.resolve()  # the store refuses links out of its folder
        if path.is_dir():
            raise NoSuchObject(f"{source} is a folder: name the pictures in it, as {source}/*")
        with closing(FileStore(path.parent).get(path.name, max_bytes=max_bytes, seconds=seconds).file) as file:
            return sandbox.render(file, seconds=seconds)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_writable(folder, error) from error


def _outputs(sources: Sequence[Path], folder: Path, extension: str) -> list[Path]:
    """Name the thumbnails after their sources. If another thumbnail or a source has the name, add a number; if a name
    is too long for the folder, shorten it."""
    longest = os.pathconf(folder, "PC_NAME_MAX")
    taken = {source.resolve() for source in sources}
    outputs = []
    for source in sources:
        numbers = chain([""], (f"-{number}" for number in count(2)))
        names = (folder.resolve() / _short(source.stem, f"{number}.{extension}", longest) for number in numbers)
        free = next(name for name in names if name not in taken)
        taken.add(free)
        outputs.append(folder / free.name)
    return outputs


def _short(stem: str, ending: str, longest: int) -> str:
    """Return a file's name of at most so many bytes."""
    while len(os.fsencode(stem + ending)) > longest:
        stem = stem[:-1]  # a letter: half of one would be no text
    return stem + ending


def _write(output: Path, data: bytes) -> None:
    unfinished = output.with_name(f".{token_hex(8)}")
    try:
        unfinished.write_bytes(data)
        unfinished.replace(output)
    except OSError as error:
        raise _not_writable(output, error) from error
    finally:
        unfinished.unlink(missing_ok=True)


def _not_writable(path: Path, error: OSError) -> RaythumbsError:
    kind = AccessDenied if isinstance(error, PermissionError) else StoreUnavailable
    return kind(f"{path} cannot be written: {error.strerror}")


def _reset_peak(pid: int) -> None:
    with suppress(OSError):  # without procfs the peak stays unknown
        Path(f"/proc/{pid}/clear_refs").write_text(_RESET_PEAK)


def _peak_mb(pid: int) -> float | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    peaks = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return round(int(peaks[0]) / 1024, 1) if peaks else None
