"""The command about webhooks."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from typer.testing import CliRunner

from raythumbs.cli.main import app

ENDPOINT = {
    "id": "wh_1", "url": "https://app.example.com/hook", "disabledAt": None, "deliveredAt": None,
    "failedAt": "2026-01-01T00:00:00Z", "error": "the endpoint answered 500", "waiting": 3, "givenUp": 1,
}  # fmt: skip


@pytest.fixture
def service():
    """A server that answers about webhooks as the service does, and the requests that came."""
    asked = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.command} {self.path}")
            body = json.dumps({"endpoints": [ENDPOINT]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_given: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_the_endpoints_are_listed_with_what_waits_and_the_last_error(service):
    url, asked = service

    shown = CliRunner().invoke(app, ["webhooks", "--url", url], env={"COLUMNS": "200"})

    assert shown.stdout.startswith(
        "https://app.example.com/hook  enabled  3 waiting, 1 given up  last error at 2026-01-01"
    )
    assert "the endpoint answered 500" in shown.stdout
    assert asked == ["GET /api/webhooks"]


def test_retry_asks_for_another_try(service):
    url, asked = service

    shown = CliRunner().invoke(app, ["webhooks", "--retry", "--json", "--url", url])

    assert json.loads(shown.stdout) == [ENDPOINT]
    assert asked == ["POST /api/webhooks/retry"]
