"""`raythumbs serve`: runs the service in the foreground, from its start to its end."""

import logging
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from raythumbs.cluster.doorkeeper import doorkeeper, refuse_taken
from raythumbs.cluster.environment import before_joining, prepared_ray
from raythumbs.cluster.haproxy import affordable_connections
from raythumbs.cluster.readiness import Systemd
from raythumbs.cluster.restart import Restart
from raythumbs.cluster.signals import EndingSignals
from raythumbs.errors import BadSettings, NotStarted, RaythumbsError
from raythumbs.events import listening, show_events
from raythumbs.preloaded import OF_WORKERS
from raythumbs.settings import Settings
from raythumbs.settings.sealed import Sealed, seal

# Importing Ray takes seconds and reads its environment. So modules that import Ray are imported within functions.

_LOOPBACK = "127.0.0.1"
_FEWEST_FILES = 1024
_USUAL_CONNECTIONS = 4096

Say = Callable[[str], None]
Answers = Callable[[str | None], None]  # called once the service answers, with the reason if it is not ready


def serve_on_own_ray(settings: Settings, *, say: Say, answers: Answers) -> None:
    """Start a Ray of our own and run the service on it until a signal ends it. Raises RaythumbsError."""
    settings.refuse_strangers(settings.host)
    show_events(settings.log_level, settings.log_format)
    listener = Systemd.of_environment()
    restart = Restart()
    # A signal during the start, or a second one later, ends it at once: the next start repeats unfinished work.
    signals = EndingSignals(restart.end_at_once)
    with (
        doorkeeper(settings.host, settings.port) as door,
        prepared_ray(settings) as restart.folder,
        listening(restart.folder),
    ):
        _raise_file_limit(say)
        say("starting Ray ...")
        import raythumbs.cluster.without_pandas  # noqa: F401 for its effect, before Ray Serve is imported
        from raythumbs.app import check_before_start
        from raythumbs.cluster.local import own_cluster

        check_before_start(settings)
        sealed = seal(settings, restart.folder, environment=restart.environment)
        slots = settings.max_workers_per_node
        ray = own_cluster(restart.folder, slots_per_node=slots, preloaded=OF_WORKERS, lost=restart.begin)
        with _error_in_one_line(), ray:
            signals.listen()  # again, because Ray has set its own handlers
            say("starting the queue and the ingress ...")
            proxy = _Proxy(_LOOPBACK, door.hand_over)
            _serve_until_asked(sealed, restart, proxy, signals=signals, say=say, answers=answers, listener=listener)
    say("ended")


def serve_on_running_ray(settings: Settings, address: str, *, say: Say, answers: Answers) -> None:
    """Run the service on a Ray that already runs, until a signal ends it. Raises RaythumbsError."""
    settings.refuse_strangers(settings.host)
    show_events(settings.log_level, settings.log_format)
    listener = Systemd.of_environment()
    refuse_taken(settings.host, settings.port)
    before_joining()
    import raythumbs.cluster.without_pandas  # noqa: F401 for its effect, before Ray Serve is imported
    from raythumbs.cluster.join import running_cluster, seal_on_head

    with _error_in_one_line(), running_cluster(address):
        proxy = _Proxy(settings.host, lambda: None)
        # A signal during the start takes effect after it, because what was started on the cluster must be undone.
        signals = EndingSignals(lambda: None)
        _serve_until_asked(
            seal_on_head(settings), Restart(), proxy, signals=signals, say=say, answers=answers, listener=listener
        )
    say("ended")


@dataclass(frozen=True, slots=True)
class _Proxy:
    """The host on which Ray Serve's processes listen, and what to call once its proxy listens."""

    host: str
    listening: Callable[[], None]


def _serve_until_asked(  # noqa: PLR0913 shared by both ways of serving
    sealed: Sealed,
    restart: Restart,
    proxy: _Proxy,
    *,
    signals: EndingSignals,
    say: Say,
    answers: Answers,
    listener: Systemd,
) -> None:
    from raythumbs.app import service

    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    with service(sealed, host=proxy.host, listening=proxy.listening) as trouble:
        answers(trouble)
        listener.tell("READY=1", f"STATUS={f'not ready yet: {trouble}' if trouble else 'answering'}")
        restart.came_up()
        signals.wait()
        restart.forgo()
        listener.tell("STOPPING=1", "STATUS=finishing what runs")
        say("finishing what runs ...")


@contextmanager
def _error_in_one_line() -> Iterator[None]:
    """Turn any error of Ray into NotStarted with the last line of its text. The traceback stays as the cause."""
    try:
        yield
    except RaythumbsError:
        raise
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise NotStarted(f"the service did not start: {lines[-1]}") from error


def _raise_file_limit(say: Say) -> None:
    """Let this process and its children open as many files as the system allows. Say so if these are few."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < _FEWEST_FILES:
        raise BadSettings(
            f"only {most} files may be open at one time (ulimit -Hn): at least {_FEWEST_FILES} are needed"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    connections = affordable_connections(most)
    if connections < _USUAL_CONNECTIONS:
        say(f"at most {connections:,} clients can be connected: {most:,} files may be open at one time (ulimit -Hn)")
