"""The fork server: imports what workers need, once, and makes each worker by forking.

It runs in place of Ray's agent of runtime environments, which a local Ray does not need: the raylet starts it, and they
end together.
"""

import argparse
import gc
import os
import runpy
import signal
import socket
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from raythumbs.cluster.forking.request import GRANTED, LENGTH_BYTES, OOM_SCORE, WorkerRequest, socket_of
from raythumbs.cluster.silent_agent import Agent, stay

_ALWAYS = ("raythumbs.cluster.without_pandas", "ray._private.workers.default_worker")
_NO_JOB = "ffffffff"  # such a worker may run tasks of any job
_POLL_SECONDS = 1.0
_REQUEST_SECONDS = 10.0
_STANDARD_FILES = 3


def main() -> None:
    """Make workers until the raylet ends. In a worker, run what Ray runs there."""
    agent, raylet = Agent.of_command_line(), os.getppid()
    agent.open_log()
    # Ray's library reads these two when it is loaded, and never again.
    os.environ |= {"RAY_RAYLET_PID": str(raylet), "RAY_JOB_ID": _NO_JOB}
    place = Path(socket_of(str(agent.session_folder), agent.node_id))
    door = _listen(place)
    agent.tell_ports()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # workers that have ended leave nothing behind
    if not _prepared([*_ALWAYS, *_modules()]):
        place.unlink()  # from now on, workers start as Ray starts them
        door.close()
        stay(raylet)
    elif request := _serve(door, raylet):
        _take_over(request)
        runpy.run_path(request.arguments[0], run_name="__main__")


def _take_over(request: WorkerRequest) -> None:
    """Make this process what the request describes."""
    sys.argv = request.arguments
    sys.path.insert(0, str(Path(request.arguments[0]).parent))  # as Python does for a script
    os.environb.clear()
    os.environb.update(request.environment)
    os.chdir(request.folder)
    with suppress(PermissionError):
        Path(OOM_SCORE).write_text(request.oom_score)


def _modules() -> list[str]:
    parser = argparse.ArgumentParser()
    parser.add_argument("--preload", default="")
    return [module for module in parser.parse_known_args()[0].preload.split(",") if module]


def _listen(place: Path) -> socket.socket:
    place.parent.mkdir(exist_ok=True)
    before = os.umask(0o077)  # no other user may connect
    try:
        door = socket.socket(socket.AF_UNIX)
        door.bind(str(place))
        door.listen(socket.SOMAXCONN)
    finally:
        os.umask(before)
    return door


def _prepared(modules: Iterable[str]) -> bool:
    """Import the modules. Return whether this process can be forked; if not, say why."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    gc.disable()  # what is imported stays
    try:
        with _ids_from_the_system():
            for module in modules:
                import_module(module)
    except Exception:  # noqa: BLE001 whatever it is, workers that are started anew say it again
        traceback.print_exc()
        return False
    gc.enable()
    gc.freeze()  # else each worker's first collection would copy all of the shared memory
    if unfit := _unfit():
        print(f"workers are not forked: {unfit}", file=sys.stderr)
    return not unfit


def _unfit() -> str:
    """Return why this process cannot be forked, or nothing."""
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads > 1:
        return f"{threads} threads run"  # a fork has only one of them
    if _random_id() == _random_id():
        return "Ray has drawn a random id, so forks would draw the same ones"
    return ""


@contextmanager
def _ids_from_the_system() -> Iterator[None]:
    """Keep Ray's generator of random ids unused: what is seeded before a fork repeats itself in each.

    Each class that `ray.remote` decorates draws an id when its module is imported.
    """
    import ray.actor

    replaced: Any = ray.actor
    rays_own = replaced.ActorClassID
    replaced.ActorClassID = SimpleNamespace(from_random=lambda: rays_own(os.urandom(rays_own.size())))
    try:
        yield
    finally:
        replaced.ActorClassID = rays_own


def _random_id() -> bytes:
    """Return an id that Ray draws in a fork of this process."""
    from ray import UniqueID

    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, UniqueID.from_random().binary())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as drawn:
        return drawn.read()


def _serve(door: socket.socket, raylet: int) -> WorkerRequest | None:
    """Fork a worker for each request. Return the request in the worker, and None once the raylet has ended."""
    door.settimeout(_POLL_SECONDS)
    while os.getppid() == raylet:
        try:
            connection, _ = door.accept()
        except TimeoutError:
            continue
        with connection:
            request = _fork(connection)
        if request:
            door.close()
            return request
    return None


def _fork(connection: socket.socket) -> WorkerRequest | None:
    """Fork a worker. Return the request in the worker, None in this process; who asked hears nothing after an error."""
    files: list[int] = []
    try:
        connection.settimeout(_REQUEST_SECONDS)
        length, files, _, _ = socket.recv_fds(connection, LENGTH_BYTES, _STANDARD_FILES)
        with connection.makefile("rb") as sent:
            request = WorkerRequest.decoded(sent.read(int.from_bytes(length)))
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setpgid(0, 0)  # the raylet ends a worker with its group
            for number, file in enumerate(files):
                os.dup2(file, number)
            return request
        connection.sendall(GRANTED)
    except Exception:  # noqa: BLE001 one worker, which is started anew then
        traceback.print_exc()
    finally:
        for file in files:
            os.close(file)
    return None


if __name__ == "__main__":
    main()
