"""Both stores, for tests that each of them must pass."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from raythumbs.storage.base import Store
from raythumbs.storage.files import FileStore
from raythumbs.storage.s3 import S3Store, s3_client


@pytest.fixture(params=["files", "s3", "s3 under a prefix"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "files":
        yield FileStore(tmp_path / "store")
        return
    client = s3_client("us-east-1", request.getfixturevalue("s3_endpoint"))
    prefix = "some/where/" if "prefix" in request.param else ""
    yield S3Store(client, request.getfixturevalue("s3_bucket"), prefix)
    client.close()
