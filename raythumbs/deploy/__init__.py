"""Files with which the service runs in containers or under systemd, and is watched by Prometheus and Grafana."""

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from raythumbs.errors import RaythumbsError
from raythumbs.settings.access import hashed_line

FOLDER = Path(__file__).parent
UNIT = FOLDER / "raythumbs.service"
ALERTS = FOLDER / "alerts.yaml"
DASHBOARD = FOLDER / "grafana.json"
CONTAINER_FILES = ("Dockerfile", "Dockerfile.dockerignore", "compose.yaml")
API_KEY = "secrets/api-key"
_RANDOM_BYTES = 32
_PRIVATE, _PUBLIC = 0o600, 0o644


class FilesNotWritten(RaythumbsError):
    """The files cannot be written."""

    code = "files_not_written"


@dataclass(frozen=True, slots=True)
class DeployFile:
    """A file to write: its name in the folder, what is in it, and whether only its owner may read it."""

    name: str
    text: str
    is_secret: bool = False


def write_deploy_files(folder: Path) -> list[Path]:
    """Write the files for containers into the folder, with new secrets. Return their paths.

    Files that are there already stay as they are. If one secret is there, no others are made: they belong together.
    """
    try:
        (folder / "secrets").mkdir(mode=0o700, parents=True, exist_ok=True)
        files = [DeployFile(name, _text_of(name, folder)) for name in CONTAINER_FILES]
        if not any((folder / "secrets").iterdir()):
            files += _new_secrets()
        return [folder / file.name for file in files if _create(folder / file.name, file)]
    except OSError as error:
        raise FilesNotWritten(f"the files cannot be written: {error}") from error


def _text_of(name: str, folder: Path) -> str:
    """Return the text of a file for containers. The paths of the image are relative to the folder's parent."""
    return (FOLDER / name).read_text().replace(" deploy/Dockerfile", f" {folder.resolve().name}/Dockerfile")


def _create(path: Path, file: DeployFile) -> bool:
    """Create the file. Return whether it is new."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE if file.is_secret else _PUBLIC)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w") as created:
        created.write(file.text)
    return True


def _new_secrets() -> Iterator[DeployFile]:
    """Return what each container may know, and the API key, which none of them needs."""
    api_key, token = f"rt_{_random()}", _random()
    database, bucket = _random(), _random()
    line = hashed_line(name="admin", key=api_key, scopes=["admin"])
    service = {
        "RAYTHUMBS_DATABASE": f"postgresql://raythumbs:{database}@postgres/raythumbs",
        "RAYTHUMBS_API_KEYS": json.dumps([line]),
        "RAYTHUMBS_NOTIFICATION_TOKEN": token,
        "AWS_ACCESS_KEY_ID": "raythumbs",
        "AWS_SECRET_ACCESS_KEY": bucket,
    }
    minio = {
        "MINIO_ROOT_USER": "raythumbs",
        "MINIO_ROOT_PASSWORD": bucket,
        "MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_RAYTHUMBS": token,
    }
    yield DeployFile(API_KEY, f"{api_key}\n", is_secret=True)
    yield _environment("raythumbs", service)
    yield _environment("postgres", {"POSTGRES_PASSWORD": database})
    yield _environment("minio", minio)


def _environment(container: str, values: dict[str, str]) -> DeployFile:
    lines = (f"{name}={value}\n" for name, value in values.items())
    return DeployFile(f"secrets/{container}.env", "".join(lines), is_secret=True)


def _random() -> str:
    return secrets.token_urlsafe(_RANDOM_BYTES)
