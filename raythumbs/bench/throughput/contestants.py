"""The contestants: simple ways, the whole service, and rivals where they are installed.

All but the service are programs. A program reads a contest from the first line of its standard input, starts what it
needs, warms up and prints a line of JSON: its `version`. At the next line of input it makes the thumbnails, and prints
at the end a line of JSON: `done`, the seconds of each photo since then.
"""

import importlib.util
import json
import secrets
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from raythumbs import __version__
from raythumbs.bench.local_service import s3_environment, scratch_service
from raythumbs.bench.meter import MARK, Family
from raythumbs.bench.photos import await_ended, ended, finished_at
from raythumbs.bench.programs import running
from raythumbs.bench.report import cores
from raythumbs.bench.throughput.contest import Contest, Contestant, Finish, Ready
from raythumbs.client import Client
from raythumbs.errors import BadRequest
from raythumbs.model.photo import RenditionSpec

_START_SECONDS = 120.0
_PHOTO_SECONDS = 5.0  # more than any contestant needs for a photo
_NOTIFICATION_PHOTOS = 100
_TOKEN = "a-token"  # noqa: S105 of a service that listens on this machine alone, and lives for minutes


def contestants(peers_dir: Path, only: Sequence[str]) -> tuple[list[Contestant], list[str]]:
    """Return the contestants that are installed (of `only`, if those are named), and how to install the others."""
    in_turn = (sys.executable, "-m", "raythumbs.bench.throughput.in_turn")
    here = [_a_program("sequential", *in_turn, "one"), _a_program("process pool", *in_turn, "pool")]
    missing = {}
    for rival, is_here, install in _rivals(peers_dir):
        if is_here:
            here.append(rival)
        else:
            missing[rival.name] = f"{rival.name}: {install}"
    here += [
        a_service(),
        a_service("raythumbs, gap 1.25", gap=1.25),  # as accurate as sharp
        a_service("raythumbs, by Pillow", native=False),  # without the decoders in C
    ]
    known = {*missing, *(one.name for one in here)}
    if unknown := set(only) - known:
        raise BadRequest(f"no contestant is called {', '.join(sorted(unknown))}: {'; '.join(sorted(known))}")
    wanted = set(only or known)
    return [one for one in here if one.name in wanted], [line for name, line in missing.items() if name in wanted]


def _rivals(peers_dir: Path) -> Iterator[tuple[Contestant, bool, str]]:
    """Yield each rival, whether it is installed, and how to install it."""
    own = peers_dir / ".venv" / "bin"  # for those whose requirements contradict ours
    install_own = (
        f"python3 -m venv {peers_dir}/.venv && {own}/pip install -r {peers_dir}/requirements.txt, in a checkout"
    )
    install_sharp = f"npm install --prefix {peers_dir}, with node on the path, in a checkout"
    # sharp works in libuv's threads, which are four by default.
    node = ("env", f"UV_THREADPOOL_SIZE={max(4, cores())}", "node")
    has_sharp = bool(shutil.which("node")) and (peers_dir / "node_modules" / "sharp").is_dir()
    is_checkout = (peers_dir / "contest.py").is_file()
    ray_tasks = _a_program("ray task per photo", sys.executable, peers_dir / "ray_tasks.py")
    yield ray_tasks, is_checkout, "run it in a checkout"
    for name, file, *options in (
        ("sharp, a worker thread per photo", "sharp_threads.mjs"),
        ("sharp, async I/O", "sharp_async.mjs"),
        ("sharp, async I/O, mozjpeg", "sharp_async.mjs", "mozjpeg"),  # files as small as ours
    ):
        yield _a_program(name, *node, peers_dir / file, *options), has_sharp, install_sharp
    for name, file, module in (("libvips", "libvips_pool.py", "pyvips"), ("Ray Data", "ray_data.py", "pyarrow")):
        is_here = is_checkout and importlib.util.find_spec(module) is not None
        install = "pip install '.[bench,peers]', in a checkout"
        yield _a_program(name, sys.executable, peers_dir / file), is_here, install
    for name in ("thumbor", "img2dataset"):
        is_here = is_checkout and (own / name).is_file()
        yield _a_program(name, own / "python", peers_dir / f"{name}_peer.py"), is_here, install_own


def _a_program(name: str, *command: str | Path) -> Contestant:
    return Contestant(name, partial(program, name, [str(word) for word in command]))


@contextmanager
def program(name: str, command: Sequence[str], contest: Contest) -> Iterator[Ready]:
    """Start a program and let it warm up; at the end no process of it is left."""
    family = Family(secrets.token_hex(8))
    # Without a token Ray writes its own to the home folder, for every later Ray of this user.
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    try:
        with running(name, command, s3_environment(contest.endpoint) | token | {MARK: family.mark}) as one:
            version = str(one.ask(contest.line(), seconds=_START_SECONDS)["version"])

            def go() -> Finish:
                patience_seconds = _START_SECONDS + _PHOTO_SECONDS * len(contest.keys)
                done = [float(seconds) for seconds in one.ask(b"go\n", seconds=patience_seconds)["done"]]
                return Finish(done, done)  # each photo was known at the start

            try:
                yield Ready(version, family, go)
            finally:
                family.members()  # those that are known now are known when they have lost their parents
    finally:
        family.kill()


def a_service(name: str = "raythumbs", *, gap: float = RenditionSpec.gap, native: bool = True) -> Contestant:
    """`raythumbs serve` with its queue actor and its embedded database, from the bucket's notifications to the last
    address in the database; see RenditionSpec for the gap, and Limits for `native`."""
    return Contestant(name, partial(_service, gap, {"RAYTHUMBS_NATIVE": str(native)}))


@contextmanager
def _service(gap: float, settings: Mapping[str, str], contest: Contest) -> Iterator[Ready]:
    spec = {"width": contest.pixels, "height": contest.pixels, "quality": contest.quality, "gap": gap}
    environment = s3_environment(contest.endpoint) | {
        "RAYTHUMBS_STORE": f"s3://{contest.bucket}",
        "RAYTHUMBS_THUMBNAILS_STORE": f"s3://{contest.made_bucket}",
        "RAYTHUMBS_SPECS": json.dumps([spec]),
        "RAYTHUMBS_NOTIFICATION_TOKEN": _TOKEN,
        "RAYTHUMBS_WATCHED": "[]",
        "RAYTHUMBS_RECONCILE_EVERY_SECONDS": "0",  # the store cannot list
    }
    with scratch_service({**environment, **settings}) as service:
        _notify(service.client, contest.bucket, contest.warm_up)
        await_ended(service.client, len(contest.warm_up))
        yield Ready(__version__, service.family, partial(_go, service.client, contest))


def _go(client: Client, contest: Contest) -> Finish:
    before = ended(client)
    sent_at = _notify(client, contest.bucket, contest.keys)
    await_ended(client, before + len(sent_at))
    finished = finished_at(client, list(sent_at))
    began = min(sent_at.values())
    waited = [at - sent_at[source] for source, at in finished.items()]
    return Finish([at - began for at in finished.values()], waited)


def _notify(client: Client, bucket: str, keys: Sequence[str]) -> dict[str, float]:
    """Send notifications of photos, as the bucket would; return when that of each source was sent (UTC seconds)."""
    sent_at: dict[str, float] = {}
    for first in range(0, len(keys), _NOTIFICATION_PHOTOS):
        objects = [{"key": key, "sequencer": "1"} for key in keys[first : first + _NOTIFICATION_PHOTOS]]
        now = time.time()
        client.notify(
            [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": bucket}, "object": one}} for one in objects],
            token=_TOKEN,
        )
        sent_at |= {f"s3://{bucket}/{one['key']}": now for one in objects}
    return sent_at
