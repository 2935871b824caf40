"""A bucket of S3 or of a compatible service, as a store."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import quote

from boto3 import Session
from boto3.s3.transfer import TransferConfig, create_transfer_manager
from botocore.config import Config
from botocore.handlers import add_expect_header

from raythumbs.errors import StoreRefused, StoreUnavailable
from raythumbs.storage.arrival import Arrival, version_of
from raythumbs.storage.base import Fetched, Stat
from raythumbs.storage.credentials import InstanceCredentials, session_with
from raythumbs.storage.quick_requests import quick_requests
from raythumbs.storage.redirects import follow_redirects
from raythumbs.storage.s3_answers import ABSENT_TO_HEAD, NO_BUCKET_TO_HEAD, plain, translated

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from s3transfer.manager import TransferManager
    from urllib3 import HTTPResponse

_TRANSFERS = TransferConfig(
    multipart_threshold=256 << 20,  # one PUT reads its file while it sends; parts are held in memory
    max_concurrency=64,
    preferred_transfer_client="classic",
)
_TRANSFERS.max_in_memory_upload_chunks = 8
_READ_BYTES = 1 << 18


def s3_client(
    region: str | None, endpoint_url: str | None, *, instance_credentials: InstanceCredentials = "auto"
) -> "S3Client":
    """Return a client with the credentials of its surroundings, see `session_with`. One per process."""
    with translated(endpoint_url or "Amazon S3"):
        client = _made(region or "us-east-1", endpoint_url, session_with(instance_credentials))
    # A PUT would first ask whether it may (Expect: 100-continue), one more way to the store and back, and waits a
    # second for a store that does not answer that. What is put here is small, and is seldom refused.
    client.meta.events.unregister("before-call.s3", add_expect_header)
    follow_redirects(client)
    return client


def _made(region: str, endpoint_url: str | None, session: Session) -> "S3Client":
    config = Config(
        connect_timeout=5,
        read_timeout=15,
        signature_version="s3v4",  # what every region and look-alike takes, also in links
        retries={"mode": "standard", "total_max_attempts": 2},  # the queue owns retries; this is for a lost socket
        max_pool_connections=64,
        # look-alikes do not all know the newer checksums; TLS and the length guard the bytes on their way
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path"} if endpoint_url else {},
    )
    try:
        return session.client("s3", region_name=region, endpoint_url=endpoint_url, config=config)
    except ValueError as error:  # which botocore raises for an address that is none
        raise StoreRefused(f"there can be no client for {plain(str(endpoint_url))}: {plain(str(error))}") from error


class S3Store:
    """The objects of `bucket` whose keys start with `prefix`. A key of this store is what follows the prefix."""

    def __init__(self, client: "S3Client", bucket: str, prefix: str = "", *, base_url: str | None = None) -> None:
        self.client = client
        self.bucket = bucket
        self.prefix = prefix
        self.base_url = base_url

    def get(self, key: str, *, max_bytes: int, seconds: float) -> Fetched:
        """Read the object into memory with a descriptor."""
        shown = self._shown(key)
        with translated(shown), Arrival(shown, max_bytes=max_bytes, seconds=seconds) as arrival:
            quick = quick_requests(self.client, self.bucket)
            if not quick.get(self.prefix + key, arrival, seconds=seconds):
                self._get_slowly(self.prefix + key, arrival)
                quick.boto3_did(self.prefix + key)
            return arrival.fetched()

    def _get_slowly(self, key: str, arrival: Arrival) -> None:
        told = self.client.get_object(Bucket=self.bucket, Key=key)
        arrival.begin(told.get("ContentLength"), told.get("ETag", ""))
        # Entered, botocore's stream gives urllib3's below it, which can return what has come, without waiting for more.
        with cast("AbstractContextManager[HTTPResponse]", told["Body"]) as body:
            while data := body.read1(_READ_BYTES):
                arrival.add(data)

    def put(self, key: str, data: bytes, content_type: str, *, cache_control: str | None = None) -> None:
        """Store the object with one PUT."""
        with translated(self._shown(key)):
            quick = quick_requests(self.client, self.bucket)
            cached = [f"Cache-Control: {cache_control}"] if cache_control else []
            if not quick.put(self.prefix + key, data, [f"Content-Type: {content_type}", *cached]):
                given: Any = {"ContentType": content_type} | ({"CacheControl": cache_control} if cache_control else {})
                self.client.put_object(Bucket=self.bucket, Key=self.prefix + key, Body=data, **given)
                quick.boto3_did(self.prefix + key)

    @contextmanager
    def create(self, key: str, content_type: str) -> Iterator[BinaryIO]:
        """Collect the object in a nameless file on disk, then store it with one PUT, or in parts when it is long."""
        with translated(self._shown(key)), TemporaryFile() as file:
            yield file
            file.seek(0)
            given = {"ContentType": content_type}
            self._transfers.upload(file, self.bucket, self.prefix + key, given).result()

    @cached_property
    def _transfers(self) -> "TransferManager":
        """What all uploads of this store share: one for each, as boto3 has it, would hold 160 MB of parts."""
        return create_transfer_manager(self.client, _TRANSFERS)

    def head(self, key: str) -> Stat:
        """Ask for the object's head."""
        with translated(self._shown(key), absent=ABSENT_TO_HEAD):
            answer = self.client.head_object(Bucket=self.bucket, Key=self.prefix + key)
        return self._stat(key, answer, size="ContentLength")

    def delete(self, key: str) -> None:
        """Delete the object."""
        with translated(self._shown(key)):
            self.client.delete_object(Bucket=self.bucket, Key=self.prefix + key)

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[Stat]:
        """List the bucket, page by page."""
        start = self.prefix + after if after else ""  # which comes before every key
        with translated(self._shown(prefix)):
            pages = self.client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket, Prefix=self.prefix + prefix, StartAfter=start):
                for item in page.get("Contents", []):
                    yield self._stat(item["Key"].removeprefix(self.prefix), item, size="Size")

    def folders(self, prefix: str = "") -> Sequence[str]:
        """Ask for one page of common prefixes."""
        with translated(self._shown(prefix)):
            page = self.client.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix + prefix, Delimiter="/")
        return [found["Prefix"].removeprefix(self.prefix) for found in page.get("CommonPrefixes", [])]

    def url(self, key: str) -> str:
        """Return the public address if the bucket has one, else the object's address in the bucket."""
        path = quote(self.prefix + key)
        if self.base_url:
            return f"{self.base_url.rstrip('/')}/{path}"
        return f"{self.client.meta.endpoint_url}/{self.bucket}/{path}"

    def link(self, key: str, *, seconds: int) -> str:
        """Return an address that opens without credentials: the public one, else one presigned for `seconds`."""
        if self.base_url:
            return self.url(key)
        return self.client.generate_presigned_url(
            "get_object", Params={"Bucket": self.bucket, "Key": self.prefix + key}, ExpiresIn=seconds
        )

    def check_here(self) -> None:
        """Return if there are credentials; whether the bucket takes them is not asked."""
        with translated(f"s3://{self.bucket}"):
            self.client.generate_presigned_url("head_bucket", Params={"Bucket": self.bucket})  # signed, not sent

    def check(self) -> None:
        """Return if the bucket answers to these credentials."""
        with translated(f"s3://{self.bucket}", absent=NO_BUCKET_TO_HEAD):
            self.client.head_bucket(Bucket=self.bucket)

    def _stat(self, key: str, told: Mapping[str, Any], *, size: str) -> Stat:
        try:
            size_bytes, etag, modified = told[size], told["ETag"], told["LastModified"]
        except KeyError as error:
            raise StoreUnavailable(f"{self._shown(key)}: the store does not tell its {error.args[0]}") from error
        return Stat(key, size_bytes, version_of(etag), modified.timestamp())

    def _shown(self, key: str) -> str:
        return f"s3://{self.bucket}/{self.prefix}{key}"
