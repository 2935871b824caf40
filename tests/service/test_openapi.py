"""The running service keeps to its OpenAPI document, whatever is sent: schemathesis makes the requests.

It makes them from the document: good ones, and ones that break its rules, and orders of calls. It runs as its own
program, in about a minute.
"""

import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from raythumbs.client import Client

SCHEMATHESIS = Path(sysconfig.get_path("scripts")) / "schemathesis"
# 503 is an honest answer of a service that is busy; 502 that of a store that refuses. No other 5xx is.
CONFIGURATION = """
[generation]
max-examples = 10
deterministic = true

[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "502", "503"]
"""
# Not the content types: HAProxy answers a head of more than 16 KiB by itself, as HTML.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
)
SECONDS = 240


@pytest.mark.needs("time", "packages")
def test_every_answer_to_generated_requests_is_documented_and_none_is_an_internal_error(service, tmp_path):
    configuration = tmp_path / "schemathesis.toml"
    configuration.write_text(CONFIGURATION)
    client: Client = service

    ended = subprocess.run(
        [SCHEMATHESIS, "--no-color", "--config-file", configuration, "run", f"{client.url}/openapi.json",
         "--checks", ",".join(CHECKS), "--continue-on-failure", "--max-time", "45"],
        capture_output=True, text=True, timeout=SECONDS, check=False, cwd=tmp_path, env={**os.environ, "CI": "1"},
    )  # fmt: skip

    assert ended.returncode == 0, ended.stdout[-20_000:] + ended.stderr[-2_000:]
