"""Which requests a client repeats, and how long it waits; the service and its connection are scripted."""

import asyncio
import inspect
import subprocess
import sys
from collections.abc import Callable
from functools import partial

import httpx2
import pytest

import raythumbs
from raythumbs.client import AsyncClient, Client, Refused, Retries, StillWaiting, Unreachable
from raythumbs.client.retries import Again
from raythumbs.client.waiting import JobsWait

QUICK = Retries(first_seconds=0.001, longest_seconds=0.002)
Step = tuple[int, dict[str, object]] | Exception


class Script:
    """Answers each request with the next step, and the last one for ever."""

    def __init__(self, *steps: Step) -> None:
        self._steps = list(steps)
        self.asked: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request.url.path)
        step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        if isinstance(step, Exception):
            raise step
        return httpx2.Response(step[0], json=step[1])


@pytest.fixture(params=["blocking", "asynchronous"])
def ask(request, monkeypatch) -> Callable[..., object]:
    """Ask a scripted service by one of the clients: `ask(script, verb, *arguments)`."""

    def blocking(script, verb, *arguments, **options):
        monkeypatch.setattr(httpx2, "Client", partial(httpx2.Client, transport=httpx2.MockTransport(script)))
        with Client("http://here", retries=QUICK) as client:
            return getattr(client, verb)(*arguments, **options)

    def asynchronous(script, verb, *arguments, **options):
        async def run():
            transport = httpx2.MockTransport(script)
            monkeypatch.setattr(httpx2, "AsyncClient", partial(httpx2.AsyncClient, transport=transport))
            async with AsyncClient("http://here", retries=QUICK) as client:
                return await getattr(client, verb)(*arguments, **options)

        return asyncio.run(run())

    return blocking if request.param == "blocking" else asynchronous


AWAY = 503, {"code": "queue_unavailable", "reason": "away"}
JOB = 200, {"jobId": "a", "state": "succeeded"}
LOST = httpx2.ReadError("lost")
NEVER_SENT = httpx2.ConnectError("refused")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_passing_refusal_is_asked_again(ask, status):
    script = Script((status, {"code": "c", "reason": "r"}), JOB)

    assert ask(script, "job", "a")["state"] == "succeeded"
    assert len(script.asked) == 2


@pytest.mark.parametrize("status", [400, 401, 404, 409, 500])
def test_a_refusal_that_would_stay_is_told_at_once(ask, status):
    script = Script((status, {"code": "c", "reason": "r"}))

    with pytest.raises(Refused):
        ask(script, "job", "a")
    assert len(script.asked) == 1


def test_a_service_that_was_never_there_is_told_at_once(ask):
    script = Script(NEVER_SENT)

    with pytest.raises(Unreachable):
        ask(script, "job", "a")
    assert len(script.asked) == 1


def test_a_lost_connection_is_made_again_once_the_service_was_there(ask):
    script = Script(AWAY, LOST, JOB)

    assert ask(script, "job", "a")["jobId"] == "a"


@pytest.mark.parametrize("steps", [(AWAY, LOST), ((502, {"code": "c", "reason": "r"}),)])
def test_an_upload_that_the_service_may_have_taken_is_not_repeated(ask, tmp_path, steps):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"photo")
    script = Script(*steps)

    with pytest.raises((Refused, Unreachable)):
        ask(script, "upload", [photo])
    assert len(script.asked) == len(steps)


def test_an_upload_that_was_refused_is_repeated_with_the_whole_file(ask, tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"photo")
    script = Script(AWAY, (202, {"uploads": [{"jobId": "a"}]}))

    assert ask(script, "upload", [photo]) == [{"jobId": "a"}]


def test_it_gives_up_after_some_attempts(ask):
    script = Script(AWAY)

    with pytest.raises(Refused):
        ask(script, "status")
    assert len(script.asked) == QUICK.most


def test_readiness_is_about_this_moment_and_never_asked_again(ask):
    script = Script(AWAY)

    with pytest.raises(Refused):
        ask(script, "ready")
    assert len(script.asked) == 1


def test_jobs_are_waited_for_in_their_order(ask):
    def service(request):
        job_id = request.url.path.rpartition("/")[2]
        return httpx2.Response(200, json={"jobId": job_id, "state": "failed" if job_id == "b" else "succeeded"})

    assert [job["state"] for job in ask(service, "wait", ["a", "b", "c"])] == ["succeeded", "failed", "succeeded"]


def test_thumbnails_are_addresses_by_name(ask):
    photo = {"renditions": [{"name": "small", "url": "http://s"}, {"name": "large", "url": "http://l"}]}

    assert ask(Script((200, photo)), "thumbnails", "p") == {"small": "http://s", "large": "http://l"}


def test_waits_grow_and_obey_the_service():
    retries = Retries(first_seconds=1, longest_seconds=30)
    plain, told = Refused(503, "c", "r"), Refused(503, "c", "r", retry_after=7)
    endless = Refused(503, "c", "r", retry_after=1e9)

    assert [retries.wait_before(n, plain, chance=lambda: 1.0) for n in (2, 3, 4, 9)] == [1, 2, 4, 30]
    assert retries.wait_before(2, plain, chance=lambda: 0.0) == 0.5
    assert retries.wait_before(2, told) == 7
    assert retries.wait_before(2, endless) == 30
    assert not retries.may_repeat(retries.most, plain, Again.ALWAYS, was_there=True)


def test_only_the_first_unfinished_jobs_are_asked_about_however_many_wait():
    now = [0.0]
    wait = JobsWait(map(str, range(1000)), timeout_seconds=5, clock=lambda: now[0])

    asked = []
    for job_id in wait.to_ask():
        asked.append(job_id)
        wait.heard({"jobId": job_id, "state": "succeeded" if job_id in {"0", "2"} else "queued"})
    now[0] = 5.0

    assert len(asked) == 10
    assert len(wait.left) == 998
    with pytest.raises(StillWaiting):
        wait.check()


def test_both_clients_have_the_same_methods_with_the_same_parameters():
    def methods(client, renamed):
        public = {name: one for name, one in inspect.getmembers(client, callable) if not name.startswith("_")}
        return {renamed.get(name, name): list(inspect.signature(one).parameters) for name, one in public.items()}

    assert methods(Client, {"close": "aclose"}) == methods(AsyncClient, {})


def test_the_package_is_imported_without_the_client():
    code = "import sys, raythumbs; assert 'httpx2' not in sys.modules; raythumbs.Client; assert 'httpx2' in sys.modules"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    with pytest.raises(AttributeError):
        raythumbs.Nothing  # noqa: B018
