import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import pytest
from PIL import Image

from raythumbs.errors import BadPicture, Crashed, NeedsMemory, NoSandbox, NotAnImage, TimedOut, TooLarge, Truncated
from raythumbs.imaging import Limits, Rendered, render
from raythumbs.imaging.sandbox import Child, Sandbox
from raythumbs.model.photo import Fit, Format, RenditionSpec
from tests.imaging.pictures import LIMITS, four_corners, photograph, png_of, saved

SPECS = [RenditionSpec(name="small", width=60, height=60), RenditionSpec(name="large", format=Format.WEBP)]
PATIENCE_SECONDS = 30.0
PHOTO = saved(four_corners(), "JPEG")


@contextmanager
def as_file(data: bytes) -> Iterator[BinaryIO]:
    with TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        yield file


def rendered(sandbox: Sandbox, photo: bytes = PHOTO, *, seconds: float = PATIENCE_SECONDS) -> Rendered:
    with as_file(photo) as file:
        made, _ = sandbox.render(file, seconds=seconds)
    return made


def pid_of(sandbox: Sandbox) -> int:
    return sandbox.start().process.pid


def in_the_middle(thread: ThreadPoolExecutor, sandbox: Sandbox) -> Future[Rendered]:
    """Let a photo be rendered by a child that is held still, until somebody does something to it."""
    rendered(sandbox)
    os.kill(pid_of(sandbox), signal.SIGSTOP)
    rendering = thread.submit(rendered, sandbox)
    until = time.monotonic() + PATIENCE_SECONDS
    while sandbox.start().photos < 2:
        assert time.monotonic() < until, "the photo was not given"
        time.sleep(0.001)
    return rendering


def wait_for_the_end_of(process: int) -> None:
    """Return when the process (its descriptor) has ended; whose child it is does not matter."""
    poll = select.poll()
    poll.register(process, select.POLLIN)
    assert poll.poll(PATIENCE_SECONDS * 1000), "the process lives on"


def open_files(pid: int) -> list[str]:
    """What the descriptors of a process lead to, while it is held still if it is not this one."""
    folder = Path(f"/proc/{pid}/fd")
    if pid == os.getpid():
        return [str(path.readlink()) for path in folder.iterdir() if path.is_symlink()]
    os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, os.WUNTRACED)
    try:
        return [str(path.readlink()) for path in folder.iterdir()]
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    """A sandbox for tests that leave its child alive."""
    sandbox = Sandbox(SPECS, LIMITS)
    yield sandbox
    sandbox.close()


@pytest.fixture
def own() -> Iterator[Sandbox]:
    """A sandbox for tests that do worse."""
    sandbox = Sandbox(SPECS, LIMITS)
    yield sandbox
    sandbox.close()


# --- the same as without it


@pytest.mark.needs("native")
@pytest.mark.parametrize("written_as", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF"])
def test_the_sandbox_and_render_return_the_same(shared: Sandbox, written_as: str) -> None:
    photo = saved(photograph("temple").resize((320, 213)), written_as)

    assert rendered(shared, photo) == render(photo, SPECS, LIMITS)


def test_the_notes_of_a_photo_are_returned_too(shared: Sandbox) -> None:
    photo = saved(four_corners(), "JPEG", icc_profile=b"no profile")

    assert rendered(shared, photo) == render(photo, SPECS, LIMITS)
    assert len(rendered(shared, photo).notes) == 1


def test_the_cpu_time_of_a_photo_is_told(shared: Sandbox) -> None:
    with as_file(saved(photograph("astronaut", times=4), "JPEG")) as file:
        _, cpu_seconds = shared.render(file, seconds=PATIENCE_SECONDS)

    assert 0.001 < cpu_seconds < PATIENCE_SECONDS


def test_one_child_serves_many_photos_and_no_descriptor_is_left_open(shared: Sandbox) -> None:
    pid = pid_of(shared)
    rendered(shared)
    ours, theirs = len(open_files(os.getpid())), len(open_files(pid))

    for _ in range(20):
        rendered(shared)

    assert pid_of(shared) == pid
    assert len(open_files(os.getpid())) == ours
    assert len(open_files(pid)) <= theirs + 1  # the last photo may be about to be closed


def test_a_spec_with_a_value_outside_its_range_is_refused_before_a_child_starts() -> None:
    with pytest.raises(ValueError, match="quality of 1 to 100"):
        Sandbox([RenditionSpec(quality=0)], LIMITS)


# --- bad pictures


def test_a_bad_picture_is_told_as_what_it_is_and_the_child_lives_on(shared: Sandbox) -> None:
    pid = pid_of(shared)

    with pytest.raises(NotAnImage, match="no decoder"):
        rendered(shared, b"cat")
    with pytest.raises(NotAnImage, match="empty"):
        rendered(shared, b"")
    with pytest.raises(Truncated):
        rendered(shared, PHOTO[: len(PHOTO) // 2])

    assert pid_of(shared) == pid
    assert rendered(shared) == render(PHOTO, SPECS, LIMITS)


def test_a_photo_over_decode_bytes_reports_how_much_memory_it_needs() -> None:
    limits = Limits(decode_bytes=4_000_000, elsewhere_bytes=6_000_000)
    with_room = saved(four_corners(400, 400), "BMP")

    with closing(Sandbox(SPECS, limits)) as sandbox:
        with pytest.raises(NeedsMemory, match=r"400x400 pixels and their thumbnails need 4\d+ bytes") as told:
            rendered(sandbox, with_room)
        with pytest.raises(TooLarge, match="at most 6000000 are given"):
            rendered(sandbox, saved(four_corners(800, 800), "BMP"))

    assert str(told.value.needed_bytes) in told.value.reason


def test_the_share_of_missing_rows_reaches_the_child() -> None:
    photo = saved(photograph("temple"), "JPEG")
    cut = photo[: len(photo) * 9 // 10]

    with closing(Sandbox(SPECS, Limits(missing_rows=0.5))) as sandbox:
        assert "rows are missing" in rendered(sandbox, cut).notes[-1]
    with closing(Sandbox(SPECS, Limits(missing_rows=0))) as sandbox, pytest.raises(Truncated):
        rendered(sandbox, cut)


def test_a_picture_over_the_limit_is_too_large() -> None:
    sandbox = Sandbox(SPECS, Limits(decode_bytes=1000))

    with pytest.raises(TooLarge):
        rendered(sandbox)

    sandbox.close()


def test_thumbnails_that_do_not_fit_into_memory_are_refused_and_the_child_lives_on() -> None:
    huge = RenditionSpec(width=16_383, height=16_383, fit=Fit.CONTAIN, format=Format.PNG)
    sandbox = Sandbox([huge], Limits(decode_bytes=1_000_000))
    pid = pid_of(sandbox)

    with pytest.raises(TooLarge, match="and their thumbnails need"):
        rendered(sandbox)

    assert pid_of(sandbox) == pid
    sandbox.close()


def small_but_decoded_large() -> bytes:
    """An AVIF that says that it has 64x48 pixels, and decodes to 24 million before they are scaled."""
    photo = saved(Image.new("RGB", (6000, 4000), "teal"), "AVIF", speed=10)
    return photo.replace(struct.pack(">II", 6000, 4000), struct.pack(">II", 64, 48))


def small_with_60_mb_behind_its_pixels() -> bytes:
    photo = saved(four_corners(), "PNG")
    return photo[:-12] + png_of((b"IDAT", bytes(60 << 20)))[8:]


@pytest.mark.parametrize("photo", [small_but_decoded_large, small_with_60_mb_behind_its_pixels])
def test_a_photo_that_takes_more_than_it_announced_stays_within_the_limit(photo: Callable[[], bytes]) -> None:
    with closing(Sandbox([RenditionSpec(width=60, height=60)], Limits(decode_bytes=2 << 20))) as sandbox:
        rendered(sandbox)
        pid, before = pid_of(sandbox), peak_bytes(sandbox)
        with pytest.raises(BadPicture):
            rendered(sandbox, photo())

        assert peak_bytes(sandbox) - before < (2 + 24 + 1) << 20  # one for code that is loaded late
        assert rendered(sandbox).width == 120
        assert pid_of(sandbox) == pid


def test_numpy_takes_nothing_of_the_photos_memory() -> None:
    with closing(Sandbox([RenditionSpec(width=60, height=60)], Limits(decode_bytes=2 << 20))) as sandbox:
        grey = rendered(sandbox, saved(Image.new("I;16", (60, 40)), "TIFF"))
        pid, before = pid_of(sandbox), peak_bytes(sandbox)
        with pytest.raises(BadPicture):
            rendered(sandbox, small_with_60_mb_behind_its_pixels())

        assert (grey.width, grey.height) == (60, 40)
        assert peak_bytes(sandbox) - before < (2 + 24 + 16) << 20
        assert rendered(sandbox).width == 120
        assert pid_of(sandbox) == pid


def test_a_photo_that_took_more_than_it_announced_is_sent_where_there_is_more() -> None:
    limits = Limits(decode_bytes=2 << 20, elsewhere_bytes=1 << 30)

    with (
        closing(Sandbox([RenditionSpec(width=60, height=60)], limits)) as sandbox,
        pytest.raises(NeedsMemory, match="do not fit into memory") as told,
    ):
        rendered(sandbox, small_with_60_mb_behind_its_pixels())

    assert told.value.needed_bytes == 1 << 30


def peak_bytes(sandbox: Sandbox) -> int:
    status = Path(f"/proc/{pid_of(sandbox)}/status").read_text()
    [kib] = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(kib) * 1024


# --- time


def test_a_photo_that_takes_too_long_is_given_up_and_the_next_one_is_rendered(own: Sandbox) -> None:
    slow = saved(Image.effect_noise((3000, 3000), 80), "JPEG", progressive=True)
    pid = pid_of(own)
    rendered(own)
    process = os.pidfd_open(pid)

    with pytest.raises(TimedOut):
        rendered(own, slow, seconds=0.001)

    wait_for_the_end_of(process)
    os.close(process)
    assert rendered(own) == render(PHOTO, SPECS, LIMITS)
    assert pid_of(own) != pid


# --- death


def test_a_child_that_is_killed_amid_a_photo_has_crashed_and_the_next_photo_gets_a_new_one(own: Sandbox) -> None:
    pid = pid_of(own)

    with ThreadPoolExecutor(1) as thread:
        rendering = in_the_middle(thread, own)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(Crashed, match="SIGKILL"):
            rendering.result()

    assert rendered(own) == render(PHOTO, SPECS, LIMITS)
    assert pid_of(own) != pid


def test_a_child_that_died_between_photos_costs_the_next_one_nothing(own: Sandbox) -> None:
    rendered(own)
    pid = pid_of(own)
    process = os.pidfd_open(pid)
    os.kill(pid, signal.SIGSEGV)
    wait_for_the_end_of(process)
    os.close(process)

    assert rendered(own) == render(PHOTO, SPECS, LIMITS)


def test_after_its_share_of_photos_good_or_bad_there_is_a_new_child() -> None:
    sandbox = Sandbox(SPECS, LIMITS, photos_per_child=2)
    pids = []

    for photo in (PHOTO, PHOTO, PHOTO, b"cat", b"cat", PHOTO):
        pids.append(pid_of(sandbox))
        if photo == PHOTO:
            rendered(sandbox, photo)
        else:
            with pytest.raises(NotAnImage):
                rendered(sandbox, photo)

    sandbox.close()
    assert [pids.index(pid) for pid in pids] == [0, 0, 2, 2, 4, 4]


def test_closing_ends_the_child(own: Sandbox) -> None:
    process = os.pidfd_open(pid_of(own))

    own.close()
    own.close()

    wait_for_the_end_of(process)
    os.close(process)


def test_the_child_does_not_outlive_its_owner() -> None:
    owning = (
        "import sys; from raythumbs.imaging import Limits; from raythumbs.imaging.sandbox import Sandbox;"
        "from raythumbs.model.photo import RenditionSpec;"
        "sandbox = Sandbox([RenditionSpec()], Limits());"
        "print(sandbox.start().process.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", owning], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        child = os.pidfd_open(int(owner.stdout.readline()))

        owner.kill()

    wait_for_the_end_of(child)
    os.close(child)


def test_a_child_that_does_not_start_is_no_photos_fault(own: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(NoSandbox, match=r"does not start \(exit 1") as told:
        rendered(own)
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(NoSandbox, match="No such file"):
        rendered(own)
    monkeypatch.undo()

    assert told.value.retryable
    assert rendered(own) == render(PHOTO, SPECS, LIMITS)


def test_a_death_by_the_limit_of_cpu_time_is_a_timeout(own: Sandbox) -> None:
    pid = pid_of(own)

    with ThreadPoolExecutor(1) as thread:
        rendering = in_the_middle(thread, own)
        os.kill(pid, signal.SIGXCPU)
        os.kill(pid, signal.SIGCONT)
        with pytest.raises(TimedOut, match="CPU time"):
            rendering.result()


# --- what the child has


def test_the_child_has_no_environment_and_so_no_credentials(own: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    rendered(own)

    assert Path(f"/proc/{pid_of(own)}/environ").read_bytes() == b""


def test_the_childs_memory_and_files_are_limited(shared: Sandbox) -> None:
    rendered(shared)

    limits = dict(
        line.replace("Max ", "", 1).split("  ", 1)
        for line in Path(f"/proc/{pid_of(shared)}/limits").read_text().splitlines()[1:]
    )
    allowed = {name: amounts.split()[:2] for name, amounts in limits.items()}
    assert allowed["address space"] == [str(LIMITS.decode_bytes + (1 << 30))] * 2
    assert allowed["file size"] == ["0", "0"]
    assert allowed["core file size"] == ["0", "0"]
    assert allowed["open files"] == ["64", "64"]


def test_the_child_can_gain_no_privileges(shared: Sandbox) -> None:
    rendered(shared)

    assert "NoNewPrivs:\t1" in Path(f"/proc/{pid_of(shared)}/status").read_text()


def test_the_childs_cpu_time_is_limited_anew_for_each_photo(own: Sandbox) -> None:
    def limit() -> int:
        rendered(own, seconds=100)
        [line] = [line for line in Path(f"/proc/{pid_of(own)}/limits").read_text().splitlines() if "cpu time" in line]
        return int(line.split()[3])

    first = second = limit()
    while second == first:  # until a second of CPU time is over
        rendered(own, saved(photograph("astronaut", times=4), "TIFF"))
        second = limit()

    assert 100 < first < second < first + 100


def test_the_child_has_no_file_of_its_owner_but_its_line_and_the_photo(own: Sandbox, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    with secret.open():
        rendered(own)

        files = open_files(pid_of(own))

    assert str(secret) not in files
    assert len([file for file in files if file != "/dev/null" and not file.startswith("socket:")]) <= 1


# --- what the child says


def framed(told: object) -> bytes:
    text = json.dumps(told).encode()
    return len(text).to_bytes(4, "big") + text


def answer(**changed: object) -> bytes:
    told = {
        "width": 1,
        "height": 1,
        "format": "jpeg",
        "notes": [],
        "thumb_hash": "00",
        "cpu": 0.1,
        "decode": 0.05,
        "renditions": [{"width": 1, "height": 1, "bytes": 1}],
    }
    return framed(told | changed)


@contextmanager
def sandbox_whose_child_says(*said: bytes) -> Iterator[Sandbox]:
    """Give a sandbox whose first child says the first of these, and so on. Any further child is a real one."""
    with ExitStack() as sockets:
        answers = iter(said)

        def start_child(orders: bytes) -> Child:
            if (one := next(answers, None)) is None:
                return Child.started(orders)
            ours, theirs = socket.socketpair()
            sockets.enter_context(theirs)
            theirs.sendall(one)
            theirs.shutdown(socket.SHUT_WR)
            return Child(subprocess.Popen(["sleep", "60"]), ours, is_ready=True)

        with closing(Sandbox(SPECS[:1], LIMITS, start_child=start_child)) as sandbox:
            yield sandbox


def test_text_is_changed_so_that_every_database_accepts_it() -> None:
    said = answer(format="j\0\ud800", notes=["\0" * 300 + "!"] * 20, thumb_hash="00" * 100) + b"1"
    with sandbox_whose_child_says(said) as sandbox:
        made = rendered(sandbox)

    assert (made.format, made.notes, made.thumb_hash) == ("j?", ("",) * 10, bytes(32))


def test_an_answer_within_the_bounds_is_accepted() -> None:
    with sandbox_whose_child_says(answer() + b"1") as sandbox:
        made = rendered(sandbox)

    assert (made.width, made.renditions[0].data) == (1, b"1")


BEYOND_A_BOUND = [
    b"\xff\xff\xff\xff" + b"[" * 70_000,
    framed("yes"),
    framed(5),
    framed([]),
    framed({}),
    framed({"code": "root", "reason": ""}),
    framed({"code": "unauthorised", "reason": ""}),
    framed({"code": ["not_an_image"], "reason": ""}),
    framed({"code": "not_an_image"}),
    answer(renditions=[]),
    answer(renditions=[{}]),
    answer(renditions=[{"width": 1, "height": 1, "bytes": 1}] * 2) + b"12",
    answer(renditions=[{"width": 1, "height": 1, "bytes": 1 << 40}]),
    answer(renditions=[{"width": 1, "height": 1, "bytes": -1}]),
    answer(renditions=[{"width": 1, "height": 1, "bytes": 0}]),
    answer(renditions=[{"width": 1, "height": 1, "bytes": float("inf")}]),
    answer(renditions=[{"width": None, "height": 1, "bytes": 1}]) + b"1",
    answer(width=float("inf")) + b"1",
    answer(cpu="much") + b"1",
    answer(cpu=float("nan")) + b"1",
    answer(cpu=-1) + b"1",
    answer(decode=-1) + b"1",
    answer(decode=None) + b"1",
    answer(width=-1) + b"1",
    answer(height=1 << 70) + b"1",
    answer(renditions=[{"width": 1, "height": 1 << 70, "bytes": 1}]) + b"1",
    framed({"needed_bytes": 1 << 60, "reason": ""}),
    framed({"needed_bytes": "all", "reason": ""}),
    answer(notes=5) + b"1",
    answer(),
    b"\0\0",
]


@pytest.fixture(scope="module")
def told_of_each() -> dict[bytes, tuple[str, str]]:
    """What a sandbox tells of each of these answers, and of a sound one at the end.

    There are several sandboxes, each with some of the answers: after some it waits for seconds, until its child ends.
    """

    def tell(answers: Sequence[bytes]) -> dict[bytes, tuple[str, str]]:
        with sandbox_whose_child_says(*answers) as sandbox:
            told = [told_by(sandbox) for _ in answers]
            at_the_end = told_by(sandbox)
        return {answer: (words, at_the_end) for answer, words in zip(answers, told, strict=True)}

    several = 5
    with ThreadPoolExecutor(several) as threads:
        parts = threads.map(tell, [BEYOND_A_BOUND[first::several] for first in range(several)])
        return {answer: told for part in parts for answer, told in part.items()}


def told_by(sandbox: Sandbox) -> str:
    try:
        return f"{rendered(sandbox).width} pixels wide"
    except Crashed as error:
        return str(error)


@pytest.mark.parametrize("number", range(len(BEYOND_A_BOUND)))
def test_an_answer_beyond_a_bound_counts_as_a_crash(told_of_each: dict[bytes, tuple[str, str]], number: int) -> None:
    told, at_the_end = told_of_each[BEYOND_A_BOUND[number]]

    assert re.search(r"makes no sense|did not end", told)
    assert at_the_end == "120 pixels wide"
