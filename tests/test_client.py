"""What the commands ask of a service over HTTP, which is a script."""

from functools import partial

import httpx
import pytest

from raythumbs import deploys
from raythumbs.cli import app
from raythumbs.client import Refused
from raythumbs.settings import load_settings


class Service:
    """Answers each path as it is told to, and knows what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, dict[str, object]]] = {}
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        status, body = self.answers.get(request.url.path, (503, {"code": "queue_unavailable", "reason": "away"}))
        return httpx.Response(status, json=body)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    script = Service()
    monkeypatch.setattr(httpx, "Client", partial(httpx.Client, transport=httpx.MockTransport(script)))
    return script


def retry_of_all(service: Service, *, refused: int | None = None) -> int | str | None:
    """Have three jobs retried, the second of which is refused with a status; return the command's."""
    ids = ["newest", "older", "oldest"]
    service.answers["/api/jobs"] = 200, {"jobs": [{"jobId": id_} for id_ in ids], "nextCursor": None}
    service.answers |= {f"/api/jobs/{id_}/retry": (200, {"state": "queued"}) for id_ in ids}
    if refused:
        service.answers["/api/jobs/older/retry"] = refused, {"code": "illegal_move", "reason": "no: it is superseded"}
    with pytest.raises(SystemExit) as end:
        app(["retry", "--all-failed"])
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


def test_a_deploy_waits_for_the_service_and_not_for_its_figures(service, monkeypatch):
    monkeypatch.setattr(deploys, "_ANSWER_SECONDS", 0)
    service.answers["/healthz"] = 200, {"status": "alive"}

    deploys._await_answer(load_settings())

    assert service.asked == ["/healthz"]


def test_a_deploy_whose_service_does_not_answer_in_its_time_is_told_so(service, monkeypatch):
    monkeypatch.setattr(deploys, "_ANSWER_SECONDS", 0)

    with pytest.raises(deploys.NotDeployed, match="does not answer"):
        deploys._await_answer(load_settings())
