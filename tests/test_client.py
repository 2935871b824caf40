"""What the commands ask of a service over HTTP, which is a script."""

import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import httpx2
import pytest
from PIL import Image
from rich.console import Console

from raythumbs.cli import app
from raythumbs.cli.status_view import watch
from raythumbs.client import Client, NotRaythumbs, Refused, Unreachable, Unreadable, files_by_request
from raythumbs.deploys import NotDeployed, await_answer
from raythumbs.settings import load_settings


class Service:
    """Answers each path as the test says, and remembers the requests."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, dict[str, object]]] = {}
        self.asked: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request.url.path)
        status, body = self.answers.get(request.url.path, (503, {"code": "queue_unavailable", "reason": "away"}))
        return httpx2.Response(status, json=body)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    script = Service()
    monkeypatch.setattr(httpx2, "Client", partial(httpx2.Client, transport=httpx2.MockTransport(script)))
    return script


def retry_of_all(service: Service, *, refused: int | None = None) -> int | str | None:
    """Have three jobs retried, the second of which is refused with a status; return the command's."""
    ids = ["newest", "older", "oldest"]
    service.answers |= {f"/api/jobs/{id_}/retry": (200, {"state": "queued"}) for id_ in ids}
    if refused:
        service.answers["/api/jobs/older/retry"] = refused, {"code": "illegal_move", "reason": "no: it is superseded"}
    with pytest.raises(SystemExit) as end:
        app(["retry", *ids])
    return end.value.code


def test_a_retry_that_is_refused_is_told_and_the_others_go_on(service, capsys):
    status = retry_of_all(service, refused=409)

    said, complained = capsys.readouterr()
    assert said.splitlines() == ["newest  queued", "oldest  queued"]
    assert complained.splitlines() == ["older  no: it is superseded (illegal_move, HTTP 409)"]
    assert status == 1


def test_retries_of_which_none_is_refused_succeed(service, capsys):
    assert retry_of_all(service) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_retries_end_where_the_service_can_take_none(service):
    with pytest.raises(Refused):
        retry_of_all(service, refused=503)

    assert "/api/jobs/oldest/retry" not in service.asked


def test_a_deploy_waits_for_the_service_and_not_for_its_figures(service):
    service.answers["/healthz"] = 200, {"status": "alive"}

    await_answer(load_settings(), seconds=0)

    assert service.asked == ["/healthz"]


def test_a_deploy_whose_service_does_not_answer_in_its_time_is_told_so(service):
    with pytest.raises(NotDeployed, match="does not answer"):
        await_answer(load_settings(), seconds=0)


def moved(service: Service, verb: str, *ids: str) -> int | str | None:
    """Have jobs moved by a command; return its exit status."""
    with pytest.raises(SystemExit) as end:
        app([verb, *ids])
    return end.value.code


def test_a_cancel_that_is_refused_is_told_and_the_others_go_on(service, capsys):
    service.answers["/api/jobs/bad/cancel"] = 409, {"code": "illegal_move", "reason": "no: it is succeeded"}
    service.answers["/api/jobs/good/cancel"] = 200, {"state": "cancelled"}

    status = moved(service, "cancel", "bad", "good")

    said, complained = capsys.readouterr()
    assert said.splitlines() == ["good  cancelled"]
    assert complained.splitlines() == ["bad  no: it is succeeded (illegal_move, HTTP 409)"]
    assert status == 1


def test_a_retry_of_nothing_says_what_is_missing(service, capsys):
    assert moved(service, "retry") == 2

    assert "--all-failed" in capsys.readouterr().err
    assert service.asked == []


def test_a_retry_of_all_goes_on_while_there_are_more_and_keeps_the_moment(service, capsys):
    service.answers["/api/jobs/retry"] = 200, {"changed": 3, "more": False, "until": "2026-01-01T00:00:00Z"}

    assert moved(service, "retry", "--all-failed", "--code", "timeout") == 0

    assert capsys.readouterr().out == "3 jobs queued again\n"
    assert service.asked == ["/api/jobs/retry"]


def submitted(service: Service, *what: object) -> int | str | None:
    uploads = [{"jobId": "a", "state": "queued", "fileName": None, "source": "s3://b/k"}]
    service.answers.setdefault("/api/jobs", (202, {"jobs": uploads}))
    service.answers.setdefault("/api/uploads/direct", (202, {"uploads": uploads}))
    with pytest.raises(SystemExit) as end:
        app(["submit", "--no-wait", *map(str, what)])
    return end.value.code


def test_more_addresses_than_a_request_takes_go_in_several(service):
    assert submitted(service, *(f"s3://photos/{n}.jpg" for n in range(2001))) == 0

    assert service.asked == ["/api/jobs"] * 3


def test_more_files_than_a_request_takes_go_in_several_of_at_least_two(service, tmp_path):
    photos = [tmp_path / f"{n}.jpg" for n in range(401)]
    for photo in photos:
        photo.write_bytes(b"photo")

    requests = files_by_request(photos)

    assert [len(request) for request in requests] == [200, 199, 2]
    assert [photo for request in requests for photo in request] == photos
    assert submitted(service, *photos) == 0
    assert service.asked == ["/api/uploads/direct"] * 3


def test_a_program_may_upload_and_submit_any_number_at_once(service, tmp_path):
    photos = [tmp_path / f"{n}.jpg" for n in range(1001)]
    for photo in photos:
        photo.touch()
    service.answers["/api/uploads/direct"] = 202, {"uploads": [{"jobId": "a"}]}
    service.answers["/api/jobs"] = 202, {"jobs": [{"jobId": "b"}]}

    with Client("http://127.0.0.1:8000") as client:
        uploaded = client.upload(photos)
        submitted_ = client.submit([f"s3://photos/{n}.jpg" for n in range(1001)])

    assert (uploaded, submitted_) == ([{"jobId": "a"}] * 6, [{"jobId": "b"}] * 2)


def test_large_files_go_in_several_requests(tmp_path):
    photos = [tmp_path / f"{n}.jpg" for n in range(7)]
    for photo in photos:
        with photo.open("wb") as file:
            file.truncate(100 << 20)

    assert [len(part) for part in files_by_request(photos)] == [2, 2, 2, 1]


def test_a_part_that_is_refused_is_told_and_the_others_go_on(service, tmp_path, capsys):
    (tmp_path / "a.jpg").touch()
    service.answers["/api/uploads/direct"] = 400, {"code": "empty_file", "reason": "a.jpg is empty"}

    assert submitted(service, "s3://photos/a.jpg", tmp_path / "a.jpg") == 1

    said, complained = capsys.readouterr()
    assert said.splitlines() == ["a  queued  s3://b/k"]
    assert "a.jpg is empty" in complained


@pytest.mark.parametrize(
    "url", ["nowhere", "ftp://x", "http://[", "http://a..b", "http://127.0.0.1:99999", "http://127.0.0.1:1"]
)
def test_a_wrong_address_is_told_with_the_address(url):
    with pytest.raises(Unreachable, match=re.escape(url)), Client(url) as client:
        client.status()


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b""])
def test_an_answer_of_another_program_is_reported(monkeypatch, body):
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=body))
    monkeypatch.setattr(httpx2, "Client", partial(httpx2.Client, transport=transport))

    with pytest.raises(NotRaythumbs, match="is not raythumbs"), Client("http://127.0.0.1:1") as client:
        client.status()


def test_an_unreadable_file_is_reported(service, tmp_path):
    with pytest.raises(Unreadable, match="No such file"), Client("http://127.0.0.1:1") as client:
        client.upload([tmp_path / "gone.jpg"])


STATUS = {
    "queueSize": 3, "retriesWaiting": 1, "running": 1, "activeWorkers": 1, "maxWorkers": 2, "cpuCount": 2,
    "backlog": {"HIGH": 0, "NORMAL": 3, "LOW": 0}, "backlogAgeSeconds": 1.0, "photosPerSecond": 0.5, "nodes": [],
    "states": {"queued": 3, "running": 1, "succeeded": 5, "failed": 0, "cancelled": 0},
}  # fmt: skip


def test_watching_in_a_pipe_prints_a_line_for_each_change(monkeypatch, capsys, tmp_path):
    statuses = iter([STATUS, STATUS, STATUS | {"queueSize": 2}])

    with capsys.disabled(), Path(tmp_path / "out").open("w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        with pytest.raises(RuntimeError, match="StopIteration"):
            watch(lambda: next(statuses), Console(file=out), every_seconds=0)

    figures = [line.partition(" ")[2] for line in (tmp_path / "out").read_text().splitlines()]
    rest = "retries=1 running=1 slots=1/2 succeeded=5 failed=0 cancelled=0"
    assert figures == [f"waiting=3 {rest}", f"waiting=2 {rest}"]


def test_a_watch_whose_reader_has_gone_ends(monkeypatch):
    reader, writer = os.pipe()
    asked = iter([STATUS] * 2)

    def ask():
        status = next(asked)
        os.close(reader)
        return status

    with os.fdopen(writer, "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr("builtins.print", lambda *_, **__: None)
        watch(ask, Console(file=out), every_seconds=0)


# --- where the output goes


@pytest.fixture
def rendering(tmp_path) -> list[str]:
    """A command that prints a line for each picture."""
    for n in range(3):
        Image.new("RGB", (20, 20)).save(tmp_path / f"{n}.png")
    return [sys.executable, "-m", "raythumbs", "render", *map(str, tmp_path.glob("*.png")), "--out", str(tmp_path)]


def test_a_reader_that_has_read_enough_is_no_trouble(rendering):
    reader, writer = os.pipe()
    os.close(reader)

    ended = subprocess.run(rendering, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)

    assert ended.stderr == ""


def test_a_full_disk_is_reported_in_one_line(rendering):
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run([*rendering, "--json"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert ended.stderr.splitlines() == ["raythumbs: the output cannot be written: No space left on device"]
    assert ended.returncode == 2
