"""The commands about backfills, against a server that a test scripts."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from typer.testing import CliRunner

from raythumbs.cli.backfill_view import backfill_line
from raythumbs.cli.main import app

BACKFILL: dict[str, Any] = {
    "id": "b1", "source": "s3://photos/", "state": "listing", "listed": 5, "enqueued": 4, "skipped": 1, "failed": 0,
    "total": 10, "limit": None, "photosPerSecond": 2.5, "secondsLeft": 3723.4, "error": None, "endedAt": None,
}  # fmt: skip
DONE = BACKFILL | {"state": "done", "endedAt": "2026-01-01T00:00:00Z"}


class Service:
    """What is answered to the next requests, the last again and again, and what was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: list[dict[str, Any]] = []
        self.asked: list[tuple[str, Any]] = []

    def run(self, *words: str):
        return CliRunner().invoke(app, [*words, "--url", self.url])


@pytest.fixture
def service():
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            there.asked.append((f"{self.command} {self.path}", json.loads(body) if body else None))
            answer = json.dumps(there.answers.pop(0) if len(there.answers) > 1 else there.answers[0]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET

        def log_message(self, *_given: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    there = Service(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever).start()
    yield there
    server.shutdown()
    server.server_close()


def test_a_backfill_is_begun_with_its_options_and_watched_to_its_end(service):
    service.answers = [BACKFILL, BACKFILL, DONE]

    done = service.run("backfill", "s3://photos/", "--glob", "*.jpg", "--since", "2026-01-31", "--limit", "7")

    options = {"glob": "*.jpg", "since": "2026-01-31T00:00:00+00:00", "limit": 7, "dryRun": False}
    assert service.asked[0] == ("POST /api/backfills", {"source": "s3://photos/"} | options)
    assert [what for what, _ in service.asked[1:]] == ["GET /api/backfills/b1"] * 2
    assert done.exit_code == 0
    assert "b1  done  s3://photos/  listed=5 enqueued=4 skipped=1 failed=0 total=10" in done.stdout


@pytest.mark.parametrize(("state", "status"), [("done", 0), ("failed", 1), ("cancelled", 1)])
def test_the_exit_status_says_whether_it_is_done(service, state, status):
    service.answers = [DONE | {"state": state}]

    assert service.run("backfill", "watch", "b1").exit_code == status


def test_without_waiting_it_prints_the_id(service):
    service.answers = [BACKFILL]

    assert service.run("backfill", "s3://photos/", "--no-wait").stdout == "b1\n"
    assert json.loads(service.run("backfill", "s3://photos/", "--no-wait", "--json").stdout) == BACKFILL


def test_backfills_are_listed_and_moved(service):
    service.answers = [{"backfills": [BACKFILL]}, BACKFILL, BACKFILL]

    listed = service.run("backfill", "status").stdout
    service.run("backfill", "pause", "b1")
    service.run("backfill", "status", "b1")

    assert listed.startswith("b1  listing  s3://photos/")
    assert [what for what, _ in service.asked] == [
        "GET /api/backfills",
        "POST /api/backfills/b1/pause",
        "GET /api/backfills/b1",
    ]


def test_respec_is_a_backfill_of_the_record(service):
    service.answers = [DONE]

    service.run("respec", "--prune", "--dry-run")

    assert service.asked[0][1] == {"source": "record:", "dryRun": True, "prune": True}


@pytest.mark.parametrize(
    "words", [("cancel",), ("s3://photos/", "b1"), ("s3://photos/", "--since", "yesterday"), ("/no/such/folder",)]
)
def test_what_cannot_be_meant_is_refused_without_asking_the_service(service, words):
    refused = service.run("backfill", *words)

    assert (refused.exit_code, service.asked) == (2, [])


def test_a_line_tells_the_time_that_is_left_and_what_holds_it_up():
    error = {"code": "store_unavailable", "reason": "away"}

    assert "2.5/s 1:02:03 left" in backfill_line(BACKFILL)
    assert backfill_line(BACKFILL | {"error": error, "secondsLeft": None}).endswith(
        "time left unknown  away (store_unavailable)"
    )
