"""Where photos come from and where thumbnails go: folders and buckets."""

import re
from typing import Literal

from pydantic import AliasChoices, Field, field_validator

from raythumbs.model.source import Source, SourcePolicy
from raythumbs.settings.record import Record
from raythumbs.settings.values import FromJson, Positive, canonical, is_place, not_empty, with_slash

ORIGINALS = "originals/"  # start of the keys of direct uploads
BROWSER_UPLOADS = "uploads/"  # start of the keys of uploads that browsers make straight to the bucket


class Stores(Record):
    """The stores of uploads and of thumbnails, by default in the data folder, and the sources that may be read."""

    store: str | None = Field(
        None,
        description="Where uploads go: `file:///FOLDER` or `s3://BUCKET/PREFIX`. By default a folder in the data "
        "folder.",
    )
    s3_bucket_name: str | None = Field(
        None,
        validation_alias="S3_BUCKET_NAME",
        description="Bucket to use as the store when `RAYTHUMBS_STORE` is not set.",
    )
    aws_region: str | None = Field(
        None,
        validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION"),
        description="Region of the buckets. By default `us-east-1`. `AWS_DEFAULT_REGION` is read too; a profile's "
        "region is not.",
    )
    s3_endpoint_url: str | None = Field(
        None,
        validation_alias=AliasChoices("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
        description="Address of an S3-compatible server, such as MinIO, Backblaze B2 or Cloudflare R2. By default "
        "Amazon's. `AWS_ENDPOINT_URL` is read too.",
    )
    instance_credentials: Literal["auto", "true", "false"] = Field(
        "auto",
        description="Whether S3 may be asked with the machine's own role, which the service gets from "
        "169.254.169.254. `auto`: only when the machine says that it is Amazon EC2; elsewhere nothing is "
        "sent to that address. `true`: for other clouds with the same service, and for containers that "
        "hide which machine they run on. `false`: never.",
    )
    thumbnails_store: str | None = Field(
        None, description="Where thumbnails go, when they have a folder or bucket of their own. By default the store."
    )
    thumbnails_prefix: str = Field(
        "thumbnails/", description="Start of every thumbnail's key: names that each end in `/`."
    )
    thumbnails_base_url: str | None = Field(
        None, description="Public address of the thumbnails' bucket or CDN. Without it, links to S3 are presigned."
    )
    link_seconds: Positive = Field(
        3600, le=604_800, description="How long a presigned link is valid, in seconds; at most 7 days."
    )
    allowed_sources: FromJson[tuple[str, ...] | None] = Field(
        None,
        description='JSON list of the prefixes that may be read: `["s3://photos/", "file:///srv/photos/"]`. By '
        "default the store's folder and any bucket; when the store is a bucket, that bucket alone.",
    )

    @field_validator("store", "thumbnails_store")
    @classmethod
    def _a_place(cls, uri: str | None) -> str | None:
        if uri is not None and not is_place(uri):
            raise ValueError("must be file:///FOLDER or s3://BUCKET/PREFIX")
        return None if uri is None else canonical(with_slash(uri))

    @field_validator("s3_bucket_name")
    @classmethod
    def _a_bucket(cls, name: str | None) -> str | None:
        if not_empty(name) is not None:
            canonical(f"s3://{name}/")
        return name

    @field_validator("thumbnails_prefix")
    @classmethod
    def _slashed(cls, prefix: str) -> str:
        if not re.fullmatch(r"([A-Za-z0-9_-]+/)+", prefix):
            raise ValueError("must be names ending in '/', such as 'thumbnails/'")
        return prefix

    @field_validator("allowed_sources")
    @classmethod
    def _prefixes(cls, prefixes: tuple[str, ...] | None) -> tuple[str, ...] | None:
        everything = {"s3://", "file:///"}
        return prefixes and tuple(prefix if prefix in everything else canonical(prefix) for prefix in prefixes)

    @property
    def store_uri(self) -> str:
        """The store's address, with a slash at its end: the setting, or the bucket of S3_BUCKET_NAME, or a folder."""
        bucket = f"s3://{self.s3_bucket_name}" if self.s3_bucket_name else None
        return with_slash(self.store or bucket or str(Source("file", "", f"{self.data_dir}/store")))

    @property
    def thumbnails_uri(self) -> str:
        """The address that the keys of thumbnails are relative to, with a slash at its end."""
        return with_slash(self.thumbnails_store or self.store_uri)

    @property
    def originals_uri(self) -> str:
        """The address of direct uploads, with a slash at its end."""
        return f"{self.store_uri}{ORIGINALS}"

    @property
    def browser_uploads_uri(self) -> str:
        """The address of uploads that browsers make straight to the bucket, with a slash at its end."""
        return f"{self.store_uri}{BROWSER_UPLOADS}"

    @property
    def policy(self) -> SourcePolicy:
        """Which sources may be read. A folder is read only if it is named; a bucket, if the credentials allow it."""
        store = self.store_uri
        whole_store = store if store.startswith("file:") else "/".join(store.split("/")[:3]) + "/"
        by_default = (whole_store,) if whole_store.startswith("s3:") else (whole_store, "s3://")
        return SourcePolicy(
            allowed=self.allowed_sources or by_default, outputs=(self.thumbnails_uri + self.thumbnails_prefix,)
        )
