"""Secrets of a run are nowhere but where they must be: in the process that was given them, and in the private file."""

import json
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest

from raythumbs.cluster.ray_ports import lets_strangers_in
from tests.service.conftest import ended, eventually
from tests.service.on_s3 import BUCKET, KEY, READER, SECRETS, Run, client_of

pytestmark = pytest.mark.needs("time")


def ask_in_many_ways(run: Run, photo: Path) -> None:
    bearer, reader, wrong = f"Bearer {KEY}", f"Bearer {READER}", f"Bearer {SECRETS['wrong key']}"
    with client_of(run) as client:
        [good] = client.upload([photo])
        assert ended(client, good["jobId"])["state"] == "succeeded"
        [missing] = client.submit([f"s3://{BUCKET}/nothing.jpg"])
        [elsewhere] = client.submit(["s3://no-such-bucket/cat.jpg"])
        assert ended(client, missing["jobId"])["state"] != "succeeded"
        eventually(lambda: client.job(elsewhere["jobId"])["errors"])
    record = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": BUCKET}, "object": {"key": "a.jpg"}}}
    event = json.dumps({"Records": [record]}).encode()
    for secret in (bearer, f"Bearer {SECRETS['notification token']}"):
        assert run.ask("POST", "/api/notifications/s3", secret=secret, content=event).status_code == 200
    for secret in (None, wrong, f"Basic {SECRETS['wrong key']}", reader):
        assert run.ask("POST", "/api/notifications/s3", secret=secret, content=event).status_code == 401
        assert run.ask("POST", "/api/notifications/b2", secret=secret, content=b'{"events": [{}]}').status_code == 401
    for secret in (None, wrong, f"Bearer {SECRETS['notification token']}"):
        assert run.ask("GET", "/api/jobs", secret=secret).status_code == 401
    assert run.ask("POST", f"/api/jobs/{good['jobId']}/retry", secret=reader).status_code == 403
    for method, path, body in (
        ("GET", "/api/jobs", b""), ("GET", f"/api/photos/{good['photoId']}", b""),
        ("GET", "/api/thumbnails/status", b""), ("GET", "/nothing", b""),
        ("POST", "/api/jobs", b"{"), ("POST", "/api/jobs", b'{"sources": ["file:///etc/passwd"]}'),
        ("POST", "/api/uploads/direct", b"x"), ("POST", f"/api/jobs/{good['jobId']}/cancel", b""),
        ("POST", "/api/reconciliation", b""), ("GET", "/openapi.json", b""), ("GET", "/readyz", b""),
    ):  # fmt: skip
        run.ask(method, path, secret=bearer, content=body)


def written_files(run: Run) -> dict[str, bytes]:
    """Everything that the run wrote into files, but the private one with the secrets."""
    folders = (run.folder, run.ray_folder)
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert any("/logs/" in str(path) for path in files)
    return {str(path): path.read_bytes() for path in files if not is_private(path, run)}


def is_private(path: Path, run: Run) -> bool:
    return path.parent == run.ray_folder and path.suffix == ".json" and path.stat().st_mode & 0o077 == 0


def rows(run: Run) -> bytes:
    """All tables of the run's database, as text."""
    with psycopg.connect(run.database) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return str([connection.execute(f'SELECT * FROM "{name}"').fetchall() for (name,) in tables]).encode()


def processes(run: Run) -> dict[str, bytes]:
    """The arguments of every process, and the environments of those that the run started."""
    members = {one.pid for one in run.family.members()} - {run.process.pid}
    seen = {}
    for process in psutil.process_iter():
        for what in ("cmdline", *(("environ",) if process.pid in members else ())):
            try:
                seen[f"{what} of {process.pid} {process.name()}"] = Path(f"/proc/{process.pid}/{what}").read_bytes()
            except (OSError, psutil.Error):  # it has ended meanwhile
                continue
    assert len(members) > 8
    return seen


@dataclass
class Seen:
    """Where secrets could be, after everything was asked; how the run has ended."""

    places: dict[str, bytes]
    private: bytes
    ports: list[int]
    let_in: list[int]
    status: int
    complained: str


@pytest.fixture(scope="module")
def seen(run: Run, photographs) -> Seen:
    ask_in_many_ways(run, photographs["cat"])

    places = {
        **written_files(run), **processes(run), "the database": rows(run), "a reply": b"\n".join(run.replies)
    }  # fmt: skip
    private = b"".join(path.read_bytes() for path in run.ray_folder.iterdir() if is_private(path, run))
    store = next(one for one in run.family.members() if one.name() == "gcs_server")
    ports = [one.laddr.port for one in store.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    let_in = [port for port in ports if lets_strangers_in(f"127.0.0.1:{port}")]
    status = run.end()
    places |= {name: (run.folder / name).read_bytes() for name in ("output", "errors")}
    return Seen(places, private, ports, let_in, status, run.complained)


def test_no_secret_is_in_anything_that_a_run_writes_or_starts(seen):
    found = {
        (name, place)
        for place, content in seen.places.items()
        for name, secret in SECRETS.items()
        if secret.encode() in content
    }
    assert found == set()
    assert SECRETS["password"].encode() in seen.private  # else it was searched in vain
    assert KEY.encode() not in seen.private
    assert "queue.drained" in seen.complained  # it was told everything
    assert seen.ports
    assert seen.let_in == []


def test_a_signal_to_the_process_group_of_a_service_ends_it_in_order(run, seen):
    assert seen.status == 0
    assert "queue.drained" in seen.complained
    assert "raylet" not in seen.complained
    eventually(lambda: not run.family.members())
