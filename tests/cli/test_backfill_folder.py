"""A folder of the command's machine is uploaded, and a second time only what is new."""

from pathlib import Path
from typing import Any

import pytest

from raythumbs.cli.backfill_folder import upload_folder
from raythumbs.client import Refused


class Service:
    """A service's answers, in memory."""

    def __init__(self) -> None:
        self.photos: list[dict[str, Any]] = []
        self.requests: list[list[str]] = []
        self.low = [0]

    def photos_of_folder(self, folder_id: str) -> list[dict[str, Any]]:
        return [photo for photo in self.photos if photo["folderId"] == folder_id]

    def status(self) -> dict[str, Any]:
        return {"backlog": {"LOW": self.low.pop() if len(self.low) > 1 else self.low[0]}}

    def upload_low(self, files: list[tuple[str, Path]], *, folder_id: str) -> None:
        self.requests.append([name for name, _ in files])
        if any("bad" in name for name, _ in files):
            raise Refused(422, "too_large", "too large")
        self.photos += [
            {"folderId": folder_id, "fileName": name, "sizeBytes": path.stat().st_size} for name, path in files
        ]


@pytest.fixture
def folder(tmp_path) -> Path:
    for name in ("b.jpg", "2026/a ä.jpg", "2026/.hidden.jpg", ".cache/x.jpg", "2026/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"photo")
    return tmp_path


NOTHING: dict[str, Any] = {"glob": None, "since": None, "limit": None, "dry_run": False}


def test_what_the_service_has_is_not_uploaded_again(folder):
    service = Service()
    upload_folder(service, folder, **NOTHING)
    first, service.requests = service.requests, []
    (folder / "b.jpg").write_bytes(b"another photo")

    refused = upload_folder(service, folder, **NOTHING)

    assert first == [["b.jpg", "2026/a ä.jpg", "2026/b.png"]]
    assert (refused, service.requests) == (0, [["b.jpg"]])


def test_a_bad_file_is_no_reason_to_refuse_others(folder):
    service = Service()
    (folder / "bad.jpg").write_bytes(b"photo")
    (folder / "empty.jpg").write_bytes(b"")

    refused = upload_folder(service, folder, **NOTHING)

    assert refused == 2
    assert len(service.photos) == 3


def test_glob_and_limit_choose_and_a_dry_run_uploads_nothing(folder, capsys):
    service = Service()

    upload_folder(service, folder, **NOTHING | {"glob": "*.jpg", "dry_run": True})
    upload_folder(service, folder, **NOTHING | {"glob": "*.jpg", "limit": 1})

    assert service.requests == [["b.jpg"]]
    assert "2 files, 2 to upload" in capsys.readouterr().out
