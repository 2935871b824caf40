"""`raythumbs quarantine`, against a server that answers as the service does."""

import json

import pytest
from typer.testing import CliRunner

from raythumbs.cli import app
from tests.storage.http_server import served

KEPT = {
    "id": "0123", "sender": "b2", "reason": "an event has no readable eventType", "sizeBytes": 3,
    "receivedAt": "2026-11-23T12:00:00Z",
}  # fmt: skip
SHOWN = KEPT | {"headers": {"user-agent": "B2"}, "body": "{\x1b[31m}\nsecond"}


def answered(*words, messages=(KEPT,)):
    asked = []
    answers = {
        ("GET", "/api/quarantine"): {"messages": messages},
        ("GET", "/api/quarantine/0123"): SHOWN,
        ("DELETE", "/api/quarantine/0123"): {"dropped": "0123"},
    }

    def behaviour(request):
        asked.append((request.command, request.path))
        found = answers.get(asked[-1])
        body = json.dumps(found or {"code": "unknown_message", "reason": "there is no message"}).encode()
        request.send_response(200 if found else 404)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    with served(behaviour) as address:
        return CliRunner().invoke(app, ["quarantine", *words, "--url", address]), asked


def test_messages_are_listed_in_a_line_each():
    result, _ = answered()

    assert result.output == "0123  2026-11-23T12:00:00Z  b2  an event has no readable eventType\n"


def test_an_empty_quarantine_says_so():
    assert answered(messages=())[0].output == "no message is in quarantine\n"


def test_a_message_is_shown_with_its_body_and_without_a_terminals_commands():
    result, _ = answered("show", "0123")

    assert "reason: an event has no readable eventType\n" in result.output
    assert "user-agent: B2\n" in result.output
    assert result.output.endswith("\n{\\x1b[31m}\nsecond\n")


def test_messages_are_printed_as_json():
    assert json.loads(answered("--json")[0].output) == [KEPT]
    assert json.loads(answered("show", "0123", "--json")[0].output) == SHOWN


def test_a_message_is_dropped_by_its_id():
    result, asked = answered("drop", "0123")

    assert result.output == "0123  dropped\n"
    assert asked == [("DELETE", "/api/quarantine/0123")]


def test_an_unknown_message_is_an_error():
    assert answered("drop", "4567")[0].exit_code != 0


@pytest.mark.parametrize("words", [["show"], ["drop"], ["list", "0123"]])
def test_show_and_drop_need_ids_and_list_takes_none(words):
    result, asked = answered(*words)

    assert (result.exit_code, asked) == (2, [])
