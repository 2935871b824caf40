"""From an address to the store that it lies in."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from raythumbs.model.source import Source
from raythumbs.storage.base import Store
from raythumbs.storage.files import FileStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from raythumbs.storage.s3 import S3Store


@dataclass(frozen=True, kw_only=True)
class Stores:
    """How to reach stores; holds no secret, so it may travel. Clients are made at first use, one per process."""

    region: str | None = None
    endpoint_url: str | None = None

    def at(self, uri: str, *, base_url: str | None = None) -> Store:
        """Return the store whose address is `uri`, ending in a slash: `s3://bucket/prefix/` or `file:///folder/`."""
        if uri.startswith("file://"):
            return FileStore(Path(Source.parse(uri).key))
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        return self._bucket(bucket, prefix, base_url=base_url)

    def of(self, source: Source) -> tuple[Store, str]:
        """Return the store that a source lies in, and its key there. Whether it may be read is the policy's to say."""
        if source.scheme == "file":
            return FileStore(Path("/")), source.key.removeprefix("/")
        return self._bucket(source.bucket), source.key

    def _bucket(self, name: str, prefix: str = "", *, base_url: str | None = None) -> "S3Store":
        from raythumbs.storage.s3 import S3Store  # boto3 is 7 MB in each process, and not all have a bucket

        return S3Store(_client_of_this_process(self.region, self.endpoint_url), name, prefix, base_url=base_url)


@lru_cache
def _client_of_this_process(region: str | None, endpoint_url: str | None) -> "S3Client":
    from raythumbs.storage.s3 import s3_client  # see above

    return s3_client(region, endpoint_url)
