"""Secrets of a run are nowhere but where they must be: in the process that was given them, and in the private file."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import httpx2
import psutil
import psycopg
import pytest

from raythumbs.client import Client
from raythumbs.cluster.free_port import free_port
from raythumbs.cluster.ray_ports import lets_strangers_in
from raythumbs.model.access import digest_of
from tests.service.conftest import Family, ended, eventually, raythumbs
from tests.service.test_losses import is_ready

BUCKET = "secrets"
KEY, READER = "rt_recognisable-api-key-of-the-operator", "rt_recognisable-api-key-of-a-reader"
SECRETS = {
    "API key": KEY,
    "API key of a reader": READER,
    "hash of the API key": digest_of(KEY),
    "password": "recognisable-database-password",
    "AWS key": "recognisable-aws-secret-access-key",
    "notification token": "recognisable-notification-token",
    "B2 secret": "recognisable-b2-signing-secret-00",
    "some other password": "recognisable-password-of-something",
    "wrong key": "rt_recognisable-key-that-is-wrong",
}
KEYS = [{"name": "operator", "key": KEY, "scopes": ["admin"]}, {"name": "reader", "key": READER, "scopes": ["read"]}]


class Run:
    """A service with secrets, what it answered, and where it writes."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.port, self.family = folder, free_port(), Family()
        self.process = raythumbs(
            "serve", "--port", self.port, "--data-dir", folder / "data",
            environment={**self.family.environment, **environment},
        )  # fmt: skip
        self.replies: list[bytes] = []
        self.http = httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60)

    def ask(self, method: str, path: str, *, secret: str | None = None, **options: object) -> httpx2.Response:
        headers = {"Authorization": secret} if secret else {}
        reply = self.http.request(method, path, headers=headers, **options)
        self.replies.append(reply.content + str(reply.headers).encode())
        return reply

    @property
    def ray_folder(self) -> Path:
        [raylet] = self.family.members("/raylet/raylet --")
        path = next(Path(file.path) for file in raylet.open_files() if "/raythumbs." in file.path)
        return Path(*path.parts[:3])


@pytest.fixture(scope="module")
def run(s3_endpoint: str, postgresql: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE keeper LOGIN SUPERUSER PASSWORD '{SECRETS['password']}'")
        connection.execute("CREATE DATABASE kept OWNER keeper")
    s3 = boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1")
    s3.create_bucket(Bucket=BUCKET)
    s3.close()
    at = postgresql.rpartition("@")[2].rpartition("/")[0].removeprefix("postgresql://")
    run = Run(
        tmp_path_factory.mktemp("secrets"),
        {
            "RAYTHUMBS_API_KEYS": json.dumps(KEYS),
            "RAYTHUMBS_API_KEY": KEY,
            "RAYTHUMBS_DATABASE": f"postgresql://keeper:{SECRETS['password']}@{at}/kept",
            "RAYTHUMBS_NOTIFICATION_TOKEN": SECRETS["notification token"],
            "RAYTHUMBS_B2_SIGNING_SECRET": SECRETS["B2 secret"],
            "RAYTHUMBS_LOG_LEVEL": "INFO",
            "RAY_AUTH_MODE": "disabled",  # a Ray of our own asks for its token all the same
            "RAYTHUMBS_JOB_TIMEOUT_SECONDS": "5",
            "S3_BUCKET_NAME": BUCKET,
            "RAYTHUMBS_ALLOWED_SOURCES": '["s3://"]',
            "AWS_ENDPOINT_URL_S3": s3_endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "tester",
            "AWS_SECRET_ACCESS_KEY": SECRETS["AWS key"],
            "MY_PASSWORD": SECRETS["some other password"],
        },
    )
    with Client(f"http://127.0.0.1:{run.port}", api_key=KEY) as client:
        eventually(lambda: is_ready(client))
    yield run
    run.http.close()
    run.process.kill()
    run.process.communicate()


def ask_in_many_ways(run: Run, photo: Path) -> None:
    bearer, reader, wrong = f"Bearer {KEY}", f"Bearer {READER}", f"Bearer {SECRETS['wrong key']}"
    with Client(f"http://127.0.0.1:{run.port}", api_key=KEY) as client:
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


def rows(postgresql: str) -> bytes:
    """All tables of the run's database, as text."""
    with psycopg.connect(postgresql.rpartition("/")[0] + "/kept") as connection:
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


@pytest.mark.needs("time")
def test_no_secret_is_in_anything_that_a_run_writes_or_starts(run, postgresql, photographs):
    ask_in_many_ways(run, photographs["cat"])

    places = {
        **written_files(run), **processes(run), "the database": rows(postgresql), "a reply": b"\n".join(run.replies)
    }  # fmt: skip
    private = b"".join(path.read_bytes() for path in run.ray_folder.iterdir() if is_private(path, run))
    store = next(one for one in run.family.members() if one.name() == "gcs_server")
    ports = [one.laddr.port for one in store.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    let_in = [port for port in ports if lets_strangers_in(f"127.0.0.1:{port}")]
    os.kill(run.process.pid, 2)
    said, complained = run.process.communicate(timeout=90)

    places |= {"standard output": said.encode(), "standard error": complained.encode()}
    found = {
        (name, place)
        for place, content in places.items()
        for name, secret in SECRETS.items()
        if secret.encode() in content
    }
    assert found == set()
    assert SECRETS["password"].encode() in private  # else it was searched in vain
    assert KEY.encode() not in private
    assert "queue.drained" in complained  # it was told everything
    assert ports
    assert let_in == []
