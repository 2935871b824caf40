"""Names of files that are no text, or too long, or control a terminal: commands take them, or say what is wrong."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from raythumbs.cli.main import main
from tests.imaging.pictures import photograph, saved

PHOTO = saved(photograph("temple"), "JPEG")
LATIN = b"latin\xe9.jpg"


def run(*arguments: str | bytes, folder: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    program = [sys.executable, "-m", "raythumbs", *arguments]
    return subprocess.run(program, capture_output=True, env={**os.environ, **environment}, cwd=folder, check=False)


def made_in(folder: Path) -> list[bytes]:
    return [os.fsencode(path.name) for path in (folder / "made").iterdir()]


@pytest.fixture
def photos(tmp_path):
    """Photos with such names, in a folder."""

    def write(*names: bytes) -> list[bytes]:
        for name in names:
            Path(os.fsdecode(bytes(tmp_path / "x")[:-1] + name)).write_bytes(PHOTO)
        return list(names)

    return write


@pytest.fixture
def called(tmp_path, monkeypatch, capsys):
    """Run a command in this process; return its exit status and what it wrote to stderr. A traceback is an error."""

    def call(*arguments: bytes, **environment: str) -> tuple[object, str]:
        monkeypatch.chdir(tmp_path)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["raythumbs", *map(os.fsdecode, arguments)])  # as Python decodes them
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, capsys.readouterr().err

    return call


@pytest.fixture
def service():
    """A service that takes every upload; its address, and the bodies that it has got."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if "Content-Length" in self.headers:
                bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            jobs = [{"jobId": "j", "state": "queued", "fileName": "a.jpg", "source": "file:///a"}]
            answer = json.dumps({"uploads": jobs, "jobs": jobs, "state": "queued"}).encode()
            self.send_response(202)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", bodies
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_whose_name_is_no_text_is_uploaded_with_a_replacement(photos, service, tmp_path):
    address, bodies = service

    ended = run("submit", "--no-wait", *photos(LATIN, b"a.jpg"), "--url", address, folder=tmp_path)

    assert (ended.returncode, ended.stderr) == (0, b"")
    assert 'filename="latin�.jpg"'.encode() in bodies[0]
    assert b'filename="a.jpg"' in bodies[0]


@pytest.mark.parametrize(
    "arguments",
    [
        [b"submit", b"--no-wait", b"s3://photos/\xe9.jpg"],
        [b"submit", b"--no-wait", b"a.jpg", b"--folder-id", b"\xe9"],
        [b"submit", b"--no-wait", b"nothing\xe9.jpg"],
        [b"retry", b"\xe9"],
        [b"cancel", b"\xe9"],
        [b"reconcile", b"--url", b"\xe9"],
        [b"status", b"--url", b"http://\xe9/"],
        [b"manual", b"\xe9"],
        [b"backup", b"\xe9.db"],
        [b"render", b"\xe9.jpg", b"--out", b"\xe9"],
    ],
)
def test_what_cannot_be_sent_or_found_is_said_without_a_traceback(photos, service, called, arguments):
    photos(b"a.jpg")

    code, errors = called(*arguments, RAYTHUMBS_URL=service[0])

    assert code in {1, 2}
    assert errors
    assert not service[1]


@pytest.mark.parametrize(
    "arguments",
    [
        [b"serve", b"--database", b"sqlite:////tmp/\xe9"],
        [b"serve", b"--store", b"file:///tmp/\xe9"],
    ],
)
def test_what_cannot_be_served_is_said_without_a_traceback(tmp_path, arguments):
    ended = run(*arguments, folder=tmp_path)

    assert ended.returncode in {1, 2}
    assert ended.stderr
    assert b"Traceback" not in ended.stderr


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_thumbnail_is_named_after_a_name_that_is_no_text(photos, tmp_path, encoding):
    ended = run(
        "render",
        *photos(LATIN, "写.jpg".encode()),
        "--out",
        "made",
        "--jobs",
        "1",
        folder=tmp_path,
        PYTHONIOENCODING=encoding,
    )

    assert (ended.returncode, ended.stderr) == (0, b"")
    assert sorted(made_in(tmp_path)) == [LATIN, "写.jpg".encode()]


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_a_name_that_is_too_long_for_a_thumbnail_is_shortened_at_the_end_of_a_letter(photos, tmp_path, kind):
    names = photos(b"n" * 251 + b".jpg", b"n" * 251 + b".gif", "写".encode() * 84 + b".gz", b"\xff" * 255)

    ended = run("render", *names, "--out", "made", "--jobs", "1", "--format", kind, folder=tmp_path)

    made = made_in(tmp_path)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert len(made) == 4
    assert all(len(name) <= 255 for name in made)
    assert any(name.decode(errors="replace").startswith("写" * 83) for name in made)


def test_a_name_is_shown_in_one_line_and_controls_no_terminal(photos, tmp_path):
    ended = run("render", *photos(b"a\nb\x1b[31m.jpg"), "--out", "made", "--jobs", "1", folder=tmp_path)

    assert ended.stdout.startswith(b"a\\nb\\x1b[31m.jpg -> made/")
    assert ended.stdout.count(b"\n") == 1
