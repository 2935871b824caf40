"""What happens is shown: on the standard error of who started our Ray, or on the process's own."""

import asyncio
import json
import logging
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from raythumbs.events import add_facts, emit, emit_warning, listening, show_events

ANOTHER = """
from raythumbs.events import emit, emit_trouble, show_events
from raythumbs.errors import StoreUnavailable
show_events({level!r}, {log_format!r})
emit("job.succeeded", job_id="j1")
emit_trouble("batch.stumbled", ZeroDivisionError("oh"), jobs=["j2"])
for _ in range(3):
    emit_trouble("write.repeated", StoreUnavailable("away"))
"""


@pytest.fixture(autouse=True)
def as_before():
    log = logging.getLogger("raythumbs")
    handlers, level = log.handlers, log.level
    yield
    for handler in log.handlers:
        handler.close()
    log.handlers = handlers
    log.setLevel(level)


def run_another(level: str, log_format: str = "text") -> str:
    """Have another process tell; return what it wrote on its own standard error."""
    done = subprocess.run(
        [sys.executable, "-c", ANOTHER.format(level=level, log_format=log_format)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr


def test_the_listener_gets_the_lines_of_processes_that_were_started_in_its_context(tmp_path, capfd):
    with listening(tmp_path):
        assert not run_another("INFO")

    shown = capfd.readouterr().err
    assert 'INFO job.succeeded {"job_id": "j1"}' in shown
    assert 'ERROR batch.stumbled {"jobs": ["j2"]}' in shown


def test_a_bug_is_logged_with_its_traceback_and_an_expected_error_as_one_line(tmp_path, capfd):
    with listening(tmp_path):
        run_another("INFO")

    shown = capfd.readouterr().err
    assert "ZeroDivisionError: oh" in shown
    assert 'WARNING write.repeated {"code": "store_unavailable", "reason": "away"}' in shown
    assert "StoreUnavailable" not in shown


def test_as_json_each_event_is_one_line_with_its_facts_and_a_bug_with_its_traceback(tmp_path, capfd):
    with listening(tmp_path):
        assert not run_another("INFO", "json")

    succeeded, stumbled, repeated = map(json.loads, capfd.readouterr().err.splitlines())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", succeeded.pop("time"))
    assert succeeded == {"level": "info", "event": "job.succeeded", "job_id": "j1"}
    assert (stumbled["level"], stumbled["jobs"]) == ("error", ["j2"])
    assert stumbled["traceback"].endswith("ZeroDivisionError: oh")
    assert (repeated["event"], repeated["code"], repeated["reason"]) == ("write.repeated", "store_unavailable", "away")


def test_facts_that_a_task_adds_are_in_its_events_and_in_no_other_tasks(caplog):
    async def work(node):
        add_facts(node=node)
        await asyncio.sleep(0)
        await asyncio.create_task(tell(node))

    async def tell(node):
        emit_warning("batch.lost", expected=node)

    async def both():
        await asyncio.gather(work("n1"), work("n2"))
        await tell(None)

    asyncio.run(both())

    assert [record.facts for record in caplog.records] == [
        {"node": "n1", "expected": "n1"},
        {"node": "n2", "expected": "n2"},
        {"expected": None},
    ]


def test_the_same_trouble_is_told_once_a_minute(tmp_path, capfd):
    def tell(message: str, at: int) -> None:
        facts = {"name": "raythumbs", "levelno": logging.WARNING, "levelname": "WARNING", "created": at, "msg": message}
        logging.getLogger("raythumbs").handle(logging.makeLogRecord(facts))

    with listening(tmp_path):
        show_events("WARNING")
        for at in (0, 1, 59, 61, 62):
            tell("away", at)
            tell(f"away for {at} s", at)

    shown = capfd.readouterr().err.split("\n")
    assert sum(line.endswith(" away") for line in shown) == 2
    assert sum("away for" in line for line in shown) == 5


def test_where_nobody_listens_a_process_tells_on_its_own_standard_error():
    log = run_another("WARNING")

    assert "batch.stumbled" in log
    assert "job.succeeded" not in log


def test_who_tells_never_waits_for_who_listens(tmp_path):
    with listening(tmp_path):
        show_events("INFO")
    Path(tmp_path / "events").unlink()

    emit("job.succeeded", job_id="j1")


def test_a_listener_that_does_not_read_holds_nobody_up(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as silent:
        silent.bind(str(tmp_path / "events"))
        monkeypatch.setenv("_RAYTHUMBS_LISTENER", str(tmp_path / "events"))
        show_events("INFO")

        for number in range(5000):  # more than a socket's queue takes
            emit("job.succeeded", job_id=str(number))


def test_a_command_that_prints_its_own_results_shows_bugs_and_no_warnings():
    program = (
        "from raythumbs.events import emit_trouble, emit_warning, show_bugs_only; show_bugs_only();"
        "emit_warning('decoder.less_confined', missing='landlock');"
        "emit_trouble('photo.failed', ValueError('a bug'))"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr

    assert "less_confined" not in said
    assert "ValueError: a bug" in said
