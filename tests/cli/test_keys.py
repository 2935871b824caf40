"""`raythumbs keys new`, and the key that commands bring."""

import json
from functools import partial

import httpx2
import pytest
from typer.testing import CliRunner

from raythumbs.cli import app
from raythumbs.client import Client, NotText, Refused
from raythumbs.errors import BadSettings
from raythumbs.model.access import Scope, holder_of
from raythumbs.settings import load_settings


def made(*options: str) -> tuple[str, str]:
    ended = CliRunner().invoke(app, ["keys", "new", *options], catch_exceptions=False)
    assert ended.exit_code == 0
    key, line = ended.stdout.splitlines()
    return key.removeprefix("RAYTHUMBS_API_KEY="), line


def test_a_new_key_is_printed_with_the_line_that_lets_it_in():
    key, line = made("album-app", "--scopes", "upload,read")

    holder = holder_of(key, load_settings(api_keys=f"[{line}]").known_keys)

    assert holder is not None
    assert (holder.name, holder.scopes) == ("album-app", {Scope.UPLOAD, Scope.READ})
    assert key not in line
    assert len(key) > 40


def test_each_key_is_another():
    assert made("a")[0] != made("a")[0]


@pytest.mark.parametrize("options", [("a b",), ("a", "--scopes", "write"), ("a", "--scopes", "")])
def test_a_wrong_name_or_scope_is_refused(options):
    with pytest.raises(BadSettings):
        CliRunner().invoke(app, ["keys", "new", *options], catch_exceptions=False)


class Service:
    """Remembers what it was sent, and refuses it."""

    def __init__(self) -> None:
        self.sent: list[str | None] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.sent.append(request.headers.get("authorization"))
        return httpx2.Response(401, json={"code": "key_needed", "reason": "this needs an API key"})


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    script = Service()
    monkeypatch.setattr(httpx2, "Client", partial(httpx2.Client, transport=httpx2.MockTransport(script)))
    monkeypatch.setenv("RAYTHUMBS_API_KEY", "rt_of-the-environment")
    return script


@pytest.mark.parametrize(
    "command",
    [
        ["submit", "s3://photos/a.jpg"], ["status"], ["retry", "--all-failed"], ["retry", "a", "b"],
        ["cancel", "a", "b"], ["reconcile"],
    ],
)  # fmt: skip
def test_every_command_that_talks_to_a_service_brings_the_key_and_stops_where_it_is_refused(service, command):
    with pytest.raises(Refused, match="needs an API key"):
        CliRunner().invoke(app, command, catch_exceptions=False)

    assert service.sent == ["Bearer rt_of-the-environment"]


@pytest.mark.parametrize(
    ("given", "sent"),
    [({"api_key": "rt_given"}, "Bearer rt_given"), ({"api_key": ""}, None), ({}, "Bearer rt_of-the-environment")],
)
def test_the_client_brings_the_key_that_it_is_given_or_that_of_the_environment(service, given, sent):
    with Client("http://127.0.0.1:8000", **given) as client, pytest.raises(Refused):
        client.status()

    assert service.sent == [sent]


def test_notifications_bring_their_token_or_the_key(service):
    with Client("http://127.0.0.1:8000") as client:
        for token in ("sesame", None):
            with pytest.raises(Refused):
                client.notify([], token=token)

    assert service.sent == ["Bearer sesame", "Bearer rt_of-the-environment"]


@pytest.mark.parametrize("key", ["rt_a\nHost: evil", "rt_ä", "rt a", "rt_\x00"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_quoted(service, key):
    with pytest.raises(NotText) as refusal:
        Client("http://127.0.0.1:8000", api_key=key)

    assert key not in refusal.value.reason


def test_two_lines_of_keys_make_a_list():
    lines = [made(name)[1] for name in ("a", "b")]

    assert [one.name for one in load_settings(api_keys=f"[{','.join(lines)}]").known_keys] == ["a", "b"]
    assert json.loads(lines[0])["scopes"] == ["upload", "read"]
