"""The files for containers and for systemd: valid by the tools of their own projects, and true to our settings."""

import re
import shutil
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from raythumbs.cli.main import app
from raythumbs.deploy import API_KEY, CONTAINER_FILES, FOLDER, UNIT, FilesNotWritten, write_deploy_files
from raythumbs.model.access import Scope, holder_of
from raythumbs.settings import load_settings

SECRETS = ("raythumbs", "postgres", "minio")


def ran(*command: object) -> str:
    """Run a command that must succeed. Return what it wrote."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def tool(name: str) -> Path:
    return Path(sys.executable).with_name(name)


@pytest.fixture
def folder(tmp_path):
    write_deploy_files(tmp_path / "deploy")
    return tmp_path / "deploy"


@pytest.fixture
def compose(folder):
    return yaml.safe_load((folder / "compose.yaml").read_text())


def variables(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


def test_the_command_says_what_it_wrote_and_how_to_go_on(tmp_path):
    done = CliRunner().invoke(app, ["deploy-files", str(tmp_path)])

    assert done.exit_code == 0
    assert f"wrote {tmp_path}/compose.yaml" in done.output
    assert f"docker compose -f {tmp_path}/compose.yaml up" in done.output
    assert f"{tmp_path}/{API_KEY}" in done.output


def test_files_that_are_there_stay_as_they_are(folder):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    (folder / "compose.yaml").write_text("mine")

    assert write_deploy_files(folder) == []
    assert (folder / "compose.yaml").read_text() == "mine"
    assert all(path.read_bytes() == text for path, text in before.items() if path.name != "compose.yaml")


def test_no_secret_is_made_that_does_not_fit_to_those_that_are_there(folder):
    (folder / "secrets/minio.env").unlink()

    assert write_deploy_files(folder) == []


def test_secrets_are_new_each_time_and_for_their_owner_alone(folder, tmp_path):
    write_deploy_files(tmp_path / "other")

    assert (folder / "secrets").stat().st_mode & 0o777 == 0o700
    for file in (folder / "secrets").iterdir():
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.read_text() != (tmp_path / "other/secrets" / file.name).read_text()


def test_a_folder_that_cannot_be_written_is_told_in_a_line(tmp_path):
    (tmp_path / "deploy").write_text("a file")

    with pytest.raises(FilesNotWritten, match="cannot be written"):
        write_deploy_files(tmp_path / "deploy")


def test_each_container_gets_the_secrets_that_it_needs_and_no_others(folder, compose):
    held = {name: variables(folder / f"secrets/{name}.env") for name in SECRETS}
    files = {name: service.get("env_file") for name, service in compose["services"].items()}

    assert files == {name: f"secrets/{name}.env" for name in SECRETS} | {"buckets": "secrets/raythumbs.env"}
    assert list(held["postgres"]) == ["POSTGRES_PASSWORD"]
    assert held["postgres"]["POSTGRES_PASSWORD"] in held["raythumbs"]["RAYTHUMBS_DATABASE"]
    assert held["minio"]["MINIO_ROOT_PASSWORD"] == held["raythumbs"]["AWS_SECRET_ACCESS_KEY"]
    assert (
        held["minio"]["MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_RAYTHUMBS"] == held["raythumbs"]["RAYTHUMBS_NOTIFICATION_TOKEN"]
    )
    key = (folder / API_KEY).read_text().strip()
    assert not any(key in value for value in chain(*(one.values() for one in held.values())))


def test_the_service_starts_with_these_settings(folder, compose, monkeypatch):
    given = variables(folder / "secrets/raythumbs.env") | compose["services"]["raythumbs"]["environment"]
    dockerfile = (folder / "Dockerfile").read_text()
    given |= dict(re.findall(r"^ +(RAYTHUMBS_\w+)=(\S+)", dockerfile, re.MULTILINE))
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    settings = load_settings()

    settings.refuse_strangers(settings.host)
    assert (settings.host, str(settings.data_dir)) == ("0.0.0.0", "/data")
    assert (settings.store_uri, settings.thumbnails_uri) == ("s3://photos/", "s3://thumbnails/")
    holder = holder_of((folder / API_KEY).read_text().strip(), settings.known_keys)
    assert holder.may(Scope.ADMIN)


def test_the_image_is_built_by_the_dockerfile_beside_it(tmp_path):
    write_deploy_files(tmp_path / "ours")

    build = yaml.safe_load((tmp_path / "ours/compose.yaml").read_text())["services"]["raythumbs"]["build"]
    assert build == {"context": "..", "dockerfile": "ours/Dockerfile"}
    assert "docker build -f ours/Dockerfile" in (tmp_path / "ours/Dockerfile").read_text()


@pytest.mark.needs("packages")
def test_compose_accepts_the_file(folder):
    ran(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", folder / "compose.yaml")


def test_every_container_is_hardened_and_only_loopback_is_published(compose):
    for name in ("raythumbs", "buckets", "minio"):
        service = compose["services"][name]
        assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    for service in compose["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert compose["services"]["raythumbs"]["read_only"]


@pytest.mark.needs("packages")
def test_the_linter_of_dockerfiles_finds_nothing(folder):
    assert ran(tool("hadolint"), folder / "Dockerfile") == ""


def test_the_image_runs_without_root_and_without_a_compiler(folder):
    last = (folder / "Dockerfile").read_text().rpartition("\nFROM ")[2]

    assert re.search(r"^USER 10001$", last, re.MULTILINE)
    assert "HEALTHCHECK" in last
    assert not re.search(r"gcc|build-essential|zig", last)


def test_the_files_are_in_the_package():
    assert all((FOLDER / name).is_file() for name in CONTAINER_FILES)


@pytest.fixture
def unit(tmp_path):
    """The unit as it is printed, with a program that is there."""
    text = CliRunner().invoke(app, ["systemd"]).output
    assert text == UNIT.read_text()
    file = tmp_path / "raythumbs.service"
    file.write_text(text.replace("/opt/raythumbs/bin/raythumbs", shutil.which("true")))
    return file


@pytest.mark.needs("systemd")
def test_systemd_finds_nothing_wrong_with_the_unit(unit):
    assert ran("systemd-analyze", "verify", unit) == ""


@pytest.mark.needs("systemd")
def test_the_unit_is_as_closed_as_a_service_with_a_network_can_be(unit):
    said = ran("systemd-analyze", "security", "--offline=true", "--threshold=25", unit)

    assert "OK" in said.splitlines()[-1]
