"""Finds the store of an address."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from raythumbs.errors import SourceNotAllowed
from raythumbs.model.source import Source
from raythumbs.settings import Settings
from raythumbs.storage.base import Store
from raythumbs.storage.files import FileStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from raythumbs.storage.credentials import InstanceCredentials
    from raythumbs.storage.s3 import S3Store


@dataclass(frozen=True, kw_only=True)
class Stores:
    """How to reach stores. It has no secret, so tasks may get it. Clients are made at first use, one per process.

    `folders` are the folders that local sources may be in. No symbolic link may lead out of them.
    """

    region: str | None = None
    endpoint_url: str | None = None
    folders: tuple[str, ...] = ("/",)
    instance_credentials: "InstanceCredentials" = "auto"

    def at(self, uri: str, *, base_url: str | None = None) -> Store:
        """Return the store whose address is `uri`, ending in a slash: `s3://bucket/prefix/` or `file:///folder/`."""
        if uri.startswith("file://"):
            return FileStore(Path(Source.parse(uri).key))
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        return self._bucket(bucket, prefix, base_url=base_url)

    def of(self, source: Source) -> tuple[Store, str]:
        """Return the store of a source, and its key there. SourcePolicy decides whether it may be read."""
        if source.scheme == "file":
            folder = max((one for one in self.folders if source.key.startswith(one)), key=len, default=None)
            if folder is None:
                raise SourceNotAllowed(f"{source} is outside of RAYTHUMBS_ALLOWED_SOURCES")
            return FileStore(Path(folder)), source.key.removeprefix(folder)
        return self._bucket(source.bucket), source.key

    def _bucket(self, name: str, prefix: str = "", *, base_url: str | None = None) -> "S3Store":
        from raythumbs.storage.s3 import S3Store  # boto3 takes 7 MB in each process, and not every service has a bucket

        client = _client_of_this_process(self.region, self.endpoint_url, self.instance_credentials)
        return S3Store(client, name, prefix, base_url=base_url)


def stores_of(settings: Settings) -> Stores:
    """Return the stores of these settings."""
    places = (*settings.policy.allowed, *settings.watched_places, settings.store_uri)
    paths = (Source.parse(place + "x").key for place in places if place.startswith("file:"))
    folders = dict.fromkeys(path.rpartition("/")[0] + "/" for path in paths)
    return Stores(
        region=settings.aws_region,
        endpoint_url=settings.s3_endpoint_url,
        folders=tuple(folders),
        instance_credentials=settings.instance_credentials,
    )


@lru_cache
def _client_of_this_process(
    region: str | None, endpoint_url: str | None, instance_credentials: "InstanceCredentials"
) -> "S3Client":
    from raythumbs.storage.s3 import s3_client  # see above

    return s3_client(region, endpoint_url, instance_credentials=instance_credentials)
