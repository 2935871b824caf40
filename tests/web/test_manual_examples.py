"""Commands and programs in the manual do what the manual says."""

import asyncio
import json
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from raythumbs.manual import FOLDER, USE
from tests.web.listening import listening_app

HERE = "http://127.0.0.1:8000"
README = Path(__file__).parents[2] / "README.md"
PAGES = [README, *(page.file for page in USE)]


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", path.read_text())


@pytest.mark.parametrize("path", [README, FOLDER / "integrate.md"], ids=lambda path: path.stem)
def test_the_program_that_uploads_a_photo_prints_its_thumbnail(served, tmp_path, photo, path):
    [program] = [block for block in blocks(path, "python") if "Client(" in block]
    (tmp_path / "photo1.jpg").write_bytes(photo)

    async def scenario(service):
        async with listening_app(service.http._transport.app) as address:
            command = [sys.executable, "-c", program.replace(HERE, address)]
            return await asyncio.to_thread(subprocess.run, command, cwd=tmp_path, capture_output=True, text=True)

    ended = served(scenario)

    assert ended.stderr == ""
    assert re.fullmatch(rf"thumbnail 300 \d+ {HERE}/thumbnails/\S+\n", ended.stdout)


def curls(path: Path) -> list[list[str]]:
    """The curl commands of a page, each as its words, without those that have a placeholder for an id."""
    lines = re.sub(r"\\\n", "", "\n".join(blocks(path, "sh")))
    commands = re.findall(r"(?m)^curl (?:'[^']*'|[^'\n])*$", lines)
    return [shlex.split(command) for command in commands if not re.search(r"[A-Z]+_[A-Z]+", command.split()[-1])]


CURLS = [(path, words) for path in PAGES for words in curls(path) if any(HERE in word for word in words)]


@pytest.mark.parametrize(("path", "words"), CURLS, ids=[path.stem for path, _ in CURLS])
def test_a_curl_command_is_accepted(served, photo, path, words):
    [url] = [word for word in words if word.startswith(HERE)]
    given = list(pairwise(words))
    fields = [value.split("=", 1) for flag, value in given if flag == "-F"]
    headers = dict(value.split(": ", 1) for flag, value in given if flag == "-H")
    body = next((value for flag, value in given if flag == "-d"), None)

    async def scenario(service):
        if fields:
            files = [(name, (value[1:], photo)) for name, value in fields if value.startswith("@")]
            data = {name: value for name, value in fields if not value.startswith("@")}
            return await service.http.post(url, files=files, data=data)
        return await service.http.post(url, content=body, headers=headers)

    reply = served(scenario)

    assert reply.status_code in {200, 202}, reply.text
    assert reply.json().get("accepted", 1) == 1


def test_every_kind_of_curl_command_is_tried():
    tried = {word.removeprefix(HERE) for _, words in CURLS for word in words if word.startswith(HERE)}

    assert tried >= {"/api/uploads/direct", "/api/jobs", "/api/notifications/s3"}


def test_the_reply_to_an_upload_has_the_fields_that_the_manual_shows(served, photo):
    shown = {path: json.loads(block) for path in PAGES for block in blocks(path, "json") if '"uploads"' in block}

    async def scenario(service):
        return await service.upload(("photo1.jpg", photo))

    [upload] = served(scenario).json()["uploads"]

    assert {path.stem for path in shown} == {"README", "start", "api"}
    assert all(list(one["uploads"][0]) == list(upload) for one in shown.values())
