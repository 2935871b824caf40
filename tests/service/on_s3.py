"""A service on S3 and PostgreSQL, both real servers, with secrets that can be recognised. Several files look at it."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import boto3
import httpx2
import psycopg

from raythumbs.client import Client
from raythumbs.cluster.free_port import free_port
from raythumbs.model.access import digest_of
from tests.service.conftest import Family, raythumbs

BUCKET = "photos"
KEY, READER = "rt_recognisable-api-key-of-the-operator", "rt_recognisable-api-key-of-a-reader"
SECRETS = {
    "API key": KEY,
    "API key of a reader": READER,
    "hash of the API key": digest_of(KEY),
    "password": "recognisable-database-password",
    "AWS key": "recognisable-aws-secret-access-key",
    "notification token": "recognisable-notification-token",
    "B2 secret": "recognisable-b2-signing-secret-00",
    "webhook secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "some other password": "recognisable-password-of-something",
    "wrong key": "rt_recognisable-key-that-is-wrong",
}
KEYS = [{"name": "operator", "key": KEY, "scopes": ["admin"]}, {"name": "reader", "key": READER, "scopes": ["read"]}]


@dataclass
class App:
    """An app that hears from the service: its address, and the webhooks that came."""

    url: str
    told: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def an_app() -> Iterator[App]:
    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            there.told.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_given: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    there = App(f"http://127.0.0.1:{server.server_port}/hook")
    threading.Thread(target=server.serve_forever).start()
    try:
        yield there
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def a_bucket(s3_endpoint: str) -> Iterator[tuple[Any, str]]:
    """Make the bucket; give its client, and a queue of SQS with its events about keys below `by-sqs/`."""
    s3, sqs = (boto3.client(of, endpoint_url=s3_endpoint, region_name="us-east-1") for of in ("s3", "sqs"))
    s3.create_bucket(Bucket=BUCKET)
    events = sqs.create_queue(QueueName="events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=events, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    below = {"Key": {"FilterRules": [{"Name": "prefix", "Value": "by-sqs/"}]}}
    told = [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"], "Filter": below}]
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": told})
    sqs.close()
    yield s3, events
    s3.close()


def a_database(postgresql: str) -> str:
    """Make a database of a user with a password; return its address."""
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE keeper LOGIN SUPERUSER PASSWORD '{SECRETS['password']}'")
        connection.execute("CREATE DATABASE kept OWNER keeper")
    at = postgresql.rpartition("@")[2].rpartition("/")[0].removeprefix("postgresql://")
    return f"postgresql://keeper:{SECRETS['password']}@{at}/kept"


class Run:
    """The service, what it works with, what it answered, and where it writes: into `folder`, also what it prints."""

    def __init__(self, folder: Path, *, bucket: Any, database: str, app: App, environment: dict[str, str]) -> None:
        self.folder, self.bucket, self.database, self.app = folder, bucket, database, app
        self.family, port = Family(), free_port()
        self.url = f"http://127.0.0.1:{port}"
        with (folder / "output").open("wb") as output, (folder / "errors").open("wb") as errors:
            self.process: subprocess.Popen[Any] = raythumbs(
                "serve", "--port", port, "--data-dir", folder / "data",
                environment={**self.family.environment, **environment}, process_group=0, output=output, errors=errors,
            )  # fmt: skip
        self.replies: list[bytes] = []
        self.http = httpx2.Client(base_url=self.url, timeout=60)

    @property
    def complained(self) -> str:
        return (self.folder / "errors").read_text()

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

    def end(self) -> int:
        """End it by a signal to its process group, as `timeout` does; return its status."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        return self.process.wait(90)


@contextmanager
def a_run(folder: Path, s3_endpoint: str, postgresql: str) -> Iterator[Run]:
    """Start the service; end it, if nobody has."""
    database = a_database(postgresql)
    with an_app() as app, a_bucket(s3_endpoint) as (bucket, events):
        environment = {
            "RAYTHUMBS_API_KEYS": json.dumps(KEYS),
            "RAYTHUMBS_API_KEY": KEY,
            "RAYTHUMBS_DATABASE": database,
            "RAYTHUMBS_NOTIFICATION_TOKEN": SECRETS["notification token"],
            "RAYTHUMBS_B2_SIGNING_SECRET": SECRETS["B2 secret"],
            "RAYTHUMBS_LOG_LEVEL": "INFO",
            "RAY_AUTH_MODE": "disabled",  # a Ray of our own asks for its token all the same
            "RAYTHUMBS_SQS_QUEUE_URL": events,
            "RAYTHUMBS_WEBHOOKS": json.dumps([{"url": app.url}]),
            "RAYTHUMBS_WEBHOOK_SECRETS": SECRETS["webhook secret"],
            "RAYTHUMBS_WEBHOOK_ALLOWED_HOSTS": '["127.0.0.1"]',
            "S3_BUCKET_NAME": BUCKET,
            "RAYTHUMBS_ALLOWED_SOURCES": json.dumps([f"s3://{BUCKET}/", "s3://no-such-bucket/"]),
            "AWS_ENDPOINT_URL_S3": s3_endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "tester",
            "AWS_SECRET_ACCESS_KEY": SECRETS["AWS key"],
            "MY_PASSWORD": SECRETS["some other password"],
        }
        run = Run(folder, bucket=bucket, database=database, app=app, environment=environment)
        try:
            yield run
        finally:
            run.end()
            run.http.close()


def client_of(run: Run) -> Client:
    return Client(run.url, api_key=KEY)
