"""What several rooms' tests need: a clock in the hand, an S3 server, a PostgreSQL."""

import atexit
import gc
import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import psycopg
import pytest
from hypothesis import HealthCheck, settings

from raythumbs.bench.servers import postgresql_server, s3_server
from tests import done_once, needs
from tests.servers import pgbouncer_server
from tests.surroundings import WITHOUT_PANDAS

pytest_plugins = ("tests.groups",)

# Thousands of tests stay in memory to the end. To look through them for garbage, again and again, took a third of the
# CPU of collecting them, and several percent of that of running them.
gc.disable()
atexit.register(gc.freeze)


def pytest_collection_finish() -> None:
    gc.enable()
    gc.freeze()


# Each process of pytest, and hundreds of processes of raythumbs that tests start, would else compile all modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
os.environ["PYTHONPATH"] = WITHOUT_PANDAS

done_once.share_models()
done_once.share_statements()
done_once.know_utf_8()

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("however busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("however busy")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    needs.leave_out(config, items)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a process of xdist left out: each one has collected the same tests."""
    node.config.stash[needs.LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if left_out := config.stash.get(needs.LEFT_OUT, {}):
        terminalreporter.write_line(needs.left_out_line(left_out))


@dataclass
class Clock:
    """UTC seconds, which only a test moves."""

    now: float = 1_800_000_000.0

    def advance(self, *, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def umask_as_before() -> Iterator[None]:
    """Take back what commands do to the process in which a test calls them."""
    umask = os.umask(0o022)
    os.umask(umask)
    yield
    os.umask(umask)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def aws_credentials() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "tester")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        yield


@pytest.fixture(scope="session")
def s3_endpoint(aws_credentials: None) -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture
def s3_bucket(s3_endpoint: str) -> str:
    """An empty bucket."""
    return new_bucket(s3_endpoint)


def new_bucket(s3_endpoint: str) -> str:
    name = f"photos-{uuid.uuid4().hex[:12]}"
    s3 = boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1")
    s3.create_bucket(Bucket=name)
    s3.close()
    return name


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    with postgresql_server("-c fsync=off -c synchronous_commit=off") as server:
        yield server.address


@pytest.fixture(scope="session")
def pgbouncer(postgresql: str) -> Iterator[str]:
    with pgbouncer_server(postgresql) as address:
        yield address


@pytest.fixture
def postgresql_url(postgresql: str) -> Iterator[str]:
    """An empty database."""
    with a_database(postgresql) as url:
        yield url


@contextmanager
def a_database(postgresql: str, *, template: str = "template1") -> Iterator[str]:
    """A copy of that database, which is dropped in the end: a server that stops writes all that it has to the disk."""
    url = new_database(postgresql, template=template)
    try:
        yield url
    finally:
        drop_database(url)


def drop_database(url: str) -> None:
    server, _, name = url.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def new_database(postgresql: str, *, template: str = "template1") -> str:
    name = f"db_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgresql, autocommit=True) as connection:
        files = "STRATEGY file_copy" if connection.info.server_version >= 150_000 else ""  # takes half the time
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} {files}")
    return postgresql.rsplit("/", 1)[0] + f"/{name}"
