"""Every knob, with its unit, default and check. Read once, at start, and handed down."""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from raythumbs import __version__
from raythumbs.errors import BadSettings, BadSource
from raythumbs.model.photo import RenditionSpec
from raythumbs.model.source import Source, SourcePolicy
from raythumbs.settings.unknown_names import unknown_names

MIB = 1024 * 1024
ORIGINALS = "originals/"  # what the keys of direct uploads begin with
_DATABASE = re.compile(
    r"sqlite://.*"
    # Taken apart as the driver does: the end of a password with an @ in it would be the host, which its errors name.
    r"|postgresql(\+psycopg)?://([^:/]*(:[^@]*)?@)?(\[[^]@]*\]|[^@/:?]*)(:\d*)?(/[^@?]*)?(\?.*)?",
    re.DOTALL,
)
_HOST = re.compile(r"\*|(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9_.\[\]:-]+")

Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _octal(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not re.fullmatch(r"0*[0-7]{1,2}", value):
        raise ValueError("must be octal, 000 to 077: 077 (nobody else), 027 (the group may read), 022 (all may read)")
    return int(value, 8)


class Settings(BaseSettings):
    """What a deployment may set, as `RAYTHUMBS_<NAME>` or by the names that AWS users already have."""

    model_config = SettingsConfigDict(env_prefix="RAYTHUMBS_", frozen=True, populate_by_name=True, extra="forbid")

    host: str = Field(
        "127.0.0.1",
        description="Address to listen on. The API has no login of its own: put the service behind your gateway "
        "before you listen on other addresses.",
    )
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    public_base_url: str | None = Field(
        None,
        description="Address of this service as clients see it; every link begins with it. By default "
        "`http://HOST:PORT`. Links to thumbnails in a file store are written when the thumbnails are "
        "rendered: a later change leaves old links as they are.",
    )
    ingress_replicas: Positive = Field(1, description="Number of processes that answer HTTP.")
    ingress_nodes: Literal["head", "all"] = Field(
        "head",
        description="Where these processes run: `head`, or `all`. `all` spreads them over the nodes of the cluster, "
        "at most two on one node, for a load balancer in front of them. The cluster must have as many "
        "nodes as replicas, because a deploy runs two of each for a while. A node that answers HTTP never "
        "counts as idle, so an autoscaler keeps it.",
    )

    data_dir: Path = Field(Path("raythumbs-data"), description="Folder of the embedded database and of the file store.")
    database: SecretStr | None = Field(
        None,
        description="`sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/NAME`, with `%40` for an `@` in a password. "
        "By default a SQLite file in the data folder. PostgreSQL needs `.venv/bin/pip install "
        "'.[postgres]'`.",
    )
    umask: Annotated[int, BeforeValidator(_octal)] = Field(
        0o077,
        ge=0,
        le=0o077,
        description="Permissions that the service's files and folders withhold from other users, in octal. By default "
        "only the service's user can read photos, thumbnails and folders. `022` lets everybody read them, "
        "such as a web server that serves the thumbnails; `027` lets the group read them. A new SQLite "
        "database always belongs to its user alone. Existing files keep their permissions: `chmod -R go= "
        "FOLDER` closes files of older versions.",
    )
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
    allowed_sources: Annotated[tuple[str, ...] | None, NoDecode] = Field(
        None,
        description='JSON list of the prefixes that may be read: `["s3://photos/", "file:///srv/photos/"]`. By '
        "default the store's folder and any bucket; when the store is a bucket, that bucket alone.",
    )

    specs: Annotated[tuple[RenditionSpec, ...], NoDecode] = Field(
        (RenditionSpec(),), description="Thumbnails to make, as a JSON list. By default one."
    )
    max_photo_bytes: Positive = Field(128 * MIB, description="Largest photo, in bytes.")
    max_upload_bytes: Positive = Field(1024 * MIB, description="Largest body of a direct upload, in bytes.")
    max_body_bytes: Positive = Field(4 * MIB, description="Largest body of any other request, in bytes.")
    max_arriving: Positive = Field(
        4096,
        description="Number of uploads that may be arriving at one replica at the same time, and the same number of "
        "bodies of other requests. Above it: 503.",
    )
    max_arriving_per_client: Positive = Field(
        256,
        description="Number of these bodies that one client may be sending. A client is an IP address; of IPv6, a /64 "
        "network. Above it: 429.",
    )
    body_gap_seconds: Seconds = Field(
        30, description="Longest wait for the next bytes of a body, in seconds. After it: 408."
    )
    min_body_bytes_per_second: Positive = Field(
        1024,
        description="Slowest rate of a body after its first 10 seconds, in bytes per second. Only time in which the "
        "service waits for the client counts. Below it: 408.",
    )
    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = Field(
        ("127.0.0.1", "::1"),
        validate_default=True,
        description="JSON list of the addresses and networks of proxies whose `X-Forwarded-For` header names the "
        "client. Name your load balancer here; otherwise all its clients count as one.",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description='JSON list of more host names that the service answers to: `["thumbs.internal", '
        '"*.example.com"]`; `["*"]` allows all. The service always answers to every IP address, names of '
        "a local network (`nas.local`, a Kubernetes service), the machine's own name and the host of "
        "`RAYTHUMBS_PUBLIC_BASE_URL`.",
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="JSON list of the origins of other web sites whose pages may use the service: "
        '`["https://app.example.com"]`.',
    )
    prefetch_bytes: Positive = Field(
        64 * MIB,
        description="Memory for photos that a worker fetches ahead, in bytes. A worker always fetches at least one "
        "photo.",
    )
    worker_decode_bytes: Positive = Field(
        512 * MIB,
        description="Memory for a picture in an ordinary worker, in bytes. A picture that announces that it needs "
        "more is rendered in a lane of its own: one at a time on each node, with memory that Ray sets "
        "apart for it.",
    )
    max_decode_bytes: Positive = Field(
        2048 * MIB,
        description="Memory for the largest picture, in bytes. A picture that needs more than this, or more than any "
        "node has, is refused as `too_large` before it is decoded.",
    )

    max_backlog: Positive = Field(
        1_000_000,
        description="Number of photos that may wait. Above it, uploads and events are answered 503 until some are "
        "done.",
    )
    min_free_disk_bytes: int = Field(
        512 * MIB,
        ge=0,
        description="Free space that must be left on each disk that the service writes to, in bytes. With S3 this "
        "includes the disk of the folder for temporary files, where uploads are collected. Below it: the "
        "same 503.",
    )
    min_free_memory_bytes: int = Field(
        256 * MIB,
        ge=0,
        description="Available memory that must be left on the queue's machine, in bytes. Below it: the same 503.",
    )

    max_workers_per_node: Positive = Field(
        8, le=1024, description="Most slots of a node. A node never has more slots than CPUs."
    )
    max_slots: Positive = Field(
        100,
        description="Most slots that Ray's autoscaler is asked for, on a cluster that has one. The default is about "
        "what one queue can feed.",
    )
    use_parallel_thumbnails: bool = Field(
        default=True,
        validation_alias=AliasChoices("USE_PARALLEL_THUMBNAILS", "RAYTHUMBS_USE_PARALLEL_THUMBNAILS"),
        description="`false`: one slot in all, so that one photo is rendered after the other.",
    )
    yield_to_others: bool = Field(
        default=False,
        description="`true`: give up slots of a node whose cores other programs keep busy, and one slot after another "
        "while less than `RAYTHUMBS_MIN_FREE_MEMORY_BYTES` of its memory is available. One slot stays.",
    )
    queue_shards: Positive = Field(
        1,
        le=64,
        description="Number of queues that share the jobs and the slots; photos are divided by a hash of their "
        "address. More than one (at most 64) needs PostgreSQL and `USE_PARALLEL_THUMBNAILS=true`, and is "
        "for clusters that one queue cannot feed.",
    )
    job_timeout_seconds: Seconds = Field(30, description="Longest time for one photo, in seconds.")
    lease_seconds: Seconds = Field(
        60,
        ge=5,
        description="How long a running job may go without a sign of life before it is queued again, in seconds; at "
        "least 5.",
    )
    max_errors: Positive = Field(
        15,
        description="Number of passing errors after which a job fails. With the growing waits between them, 15 take "
        "about 29 hours.",
    )
    max_timeouts: Positive = Field(3, description="Number of rendering timeouts after which a job fails.")
    max_crashes: Positive = Field(3, description="Number of crashes after which a job fails.")
    drain_seconds: Seconds = Field(25, description="Time to finish running work at shutdown, in seconds.")
    keep_finished_seconds: Positive = Field(
        7 * 86_400,
        description="How long finished jobs are kept, in seconds. Photos and the addresses of their thumbnails stay.",
    )
    keep_failed_seconds: Positive = Field(30 * 86_400, description="How long failed jobs are kept, in seconds.")
    keep_events_seconds: Positive = Field(
        14 * 86_400, description="How long the ids of events, and photos that were deleted, are remembered, in seconds."
    )

    watched: Annotated[tuple[str, ...] | None, NoDecode] = Field(
        None,
        description='JSON list of the places that reconciliation compares with the record: `["s3://photos/2026/"]`. '
        "By default the uploads (`originals/` in the store).",
    )
    reconcile_every_seconds: int = Field(
        86_400, ge=0, description="How long after one reconciliation the next begins, in seconds. `0`: only on request."
    )

    log_level: Literal["INFO", "WARNING", "ERROR"] = Field(
        "WARNING", description="Which events are logged: `INFO` (those of each job too), `WARNING` or `ERROR`."
    )

    notification_token: SecretStr | None = Field(
        None, description="Token that S3 notifications must bring as `Authorization: Bearer …`."
    )
    b2_signing_secret: SecretStr | None = Field(None, description="Signing secret of the Backblaze B2 event rule.")

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, folder: Path) -> Path:
        return Path(os.path.normpath(folder.expanduser().absolute()))  # links stay: where they lead may change

    @field_validator(
        "specs", "allowed_sources", "watched", "trusted_proxies", "allowed_hosts", "allowed_origins", mode="before"
    )
    @classmethod
    def _from_json(cls, value: object) -> object:
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError as error:
            raise ValueError(f"is not JSON: {error}") from error

    @field_validator("specs")
    @classmethod
    def _sensible(cls, specs: tuple[RenditionSpec, ...]) -> tuple[RenditionSpec, ...]:
        if not specs:
            raise ValueError("is empty: at least one thumbnail is to be made")
        for spec in specs:
            spec.check()
        if len({spec.name for spec in specs}) < len(specs):
            raise ValueError("two specs have the same name")
        return specs

    @field_validator("allowed_hosts")
    @classmethod
    def _host_names(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not _HOST.fullmatch(host):
                raise ValueError(
                    f"{host!r} is not a host name without port, such as thumbs.example.com or *.example.com"
                )
        return tuple(host.lower() for host in hosts)

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is not an origin, such as https://app.example.com")
        return tuple(origin.lower() for origin in origins)

    @field_validator("thumbnails_prefix")
    @classmethod
    def _slashed(cls, prefix: str) -> str:
        if not re.fullmatch(r"([A-Za-z0-9_-]+/)+", prefix):
            raise ValueError("must be names ending in '/', such as 'thumbnails/'")
        return prefix

    @field_validator("store", "thumbnails_store")
    @classmethod
    def _a_place(cls, uri: str | None) -> str | None:
        if uri is not None and not re.match(r"s3://[^/]+|file:///.", uri):
            raise ValueError("must be file:///FOLDER or s3://BUCKET/PREFIX")
        return None if uri is None else _canonical(_with_slash(uri))

    @field_validator("allowed_sources")
    @classmethod
    def _places(cls, prefixes: tuple[str, ...] | None) -> tuple[str, ...] | None:
        everything = {"s3://", "file:///"}
        return prefixes and tuple(prefix if prefix in everything else _canonical(prefix) for prefix in prefixes)

    @field_validator("watched")
    @classmethod
    def _places_to_watch(cls, uris: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for uri in uris or ():
            if not re.match(r"s3://[^/]+|file:///.", uri):
                raise ValueError(f"{uri!r} must be s3://BUCKET/PREFIX/ or file:///FOLDER/")
        return uris and tuple(_canonical(_with_slash(uri)) for uri in uris)

    @field_validator("database")
    @classmethod
    def _known_database(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _DATABASE.fullmatch(url.get_secret_value()):
            raise ValueError("must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME, and %40 for an @ in it")
        return url

    @field_validator("queue_shards")
    @classmethod
    def _divisible(cls, shards: int, others: ValidationInfo) -> int:
        database = others.data.get("database")
        if shards > 1 and not (database and database.get_secret_value().startswith("postgresql")):
            raise ValueError("more than one needs PostgreSQL (RAYTHUMBS_DATABASE): SQLite has one writer")
        if shards > 1 and not others.data.get("use_parallel_thumbnails"):
            raise ValueError("more than one needs USE_PARALLEL_THUMBNAILS=true")
        return shards

    @field_validator("s3_bucket_name", "notification_token", "b2_signing_secret")
    @classmethod
    def _not_empty(cls, value: str | SecretStr | None) -> str | SecretStr | None:
        if value is not None and not len(value):
            raise ValueError("is empty: unset it, or give it a value")
        return value

    @field_validator("s3_bucket_name")
    @classmethod
    def _a_bucket(cls, name: str | None) -> str | None:
        if name is not None:
            _canonical(f"s3://{name}/")
        return name

    @classmethod
    def secret_names(cls) -> tuple[str, ...]:
        """Return the environment variables whose values nobody else may see."""
        return tuple(f"RAYTHUMBS_{name.upper()}" for name in cls._secret_fields())

    @classmethod
    def _secret_fields(cls) -> tuple[str, ...]:
        return tuple(name for name, field in cls.model_fields.items() if "SecretStr" in str(field.annotation))

    @property
    def secrets(self) -> dict[str, str]:
        """The secrets that are set, in the clear."""
        values = ((name, getattr(self, name)) for name in self._secret_fields())
        return {name: value.get_secret_value() for name, value in values if value is not None}

    def without_secrets(self) -> Self:
        """Return what everybody may see of the settings."""
        return self.model_copy(update=dict.fromkeys(self._secret_fields()))

    def with_secrets(self, secrets: Mapping[str, str]) -> Self:
        """Return these settings with the secrets of `secrets`, by the names of their fields."""
        return self.model_copy(update={name: SecretStr(value) for name, value in secrets.items()})

    def apply_umask(self) -> None:
        """Make files and folders from here on, in this process and those that it starts, as private as is set."""
        os.umask(self.umask)

    @property
    def store_uri(self) -> str:
        """The store's address with its last slash: what is set, else the bucket of S3_BUCKET_NAME, else a folder."""
        bucket = f"s3://{self.s3_bucket_name}" if self.s3_bucket_name else None
        return _with_slash(self.store or bucket or str(Source("file", "", f"{self.data_dir}/store")))

    @property
    def thumbnails_uri(self) -> str:
        """The address that the keys of thumbnails are relative to, with its last slash."""
        return _with_slash(self.thumbnails_store or self.store_uri)

    @property
    def database_url(self) -> SecretStr:
        """The database's address: what is set, else a SQLite file in the data folder."""
        url = self.database.get_secret_value() if self.database else f"sqlite:///{self.data_dir}/raythumbs.db"
        return SecretStr(url.replace("postgresql://", "postgresql+psycopg://", 1))

    @property
    def shown_database(self) -> str:
        """The database's address without its password."""
        return without_password(self.database_url.get_secret_value())

    @property
    def base_url(self) -> str:
        """The service's address as clients see it, without a last slash."""
        return (self.public_base_url or self.local_url).rstrip("/")

    @property
    def local_url(self) -> str:
        """The service's address on the machine that it listens on."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 compared, not bound
        return f"http://{host}:{self.port}"

    @property
    def policy(self) -> SourcePolicy:
        """Which sources may be read. A folder must be named to be read; what a bucket shows, its credentials decide."""
        store = self.store_uri
        whole_store = store if store.startswith("file:") else "/".join(store.split("/")[:3]) + "/"
        by_default = (whole_store,) if whole_store.startswith("s3:") else (whole_store, "s3://")
        return SourcePolicy(
            allowed=self.allowed_sources or by_default, outputs=(self.thumbnails_uri + self.thumbnails_prefix,)
        )

    @property
    def watched_places(self) -> tuple[str, ...]:
        """The places that reconciliation compares with the record, each with its last slash."""
        return self.watched if self.watched is not None else (self.originals_uri,)

    @property
    def originals_uri(self) -> str:
        """The place of direct uploads, with its last slash."""
        return f"{self.store_uri}{ORIGINALS}"

    @property
    def folders(self) -> tuple[Path, ...]:
        """The local folders that the service writes to."""
        database = self.database_url.get_secret_value()
        stores = (uri for uri in (self.store_uri, self.thumbnails_uri) if uri.startswith("file:"))
        records = (Path(database.removeprefix("sqlite:///")).parent,) if database.startswith("sqlite:") else ()
        # An upload to a bucket is collected in a nameless file, see S3Store.create.
        arriving = (Path(tempfile.gettempdir()),) if self.store_uri.startswith("s3:") else ()
        return tuple(dict.fromkeys((*(Path(Source.parse(uri).key) for uri in stores), *records, *arriving)))

    @property
    def identity(self) -> str:
        """A digest of the version and of every setting: two services are the same where it is the same."""
        values = {k: v.get_secret_value() if isinstance(v, SecretStr) else v for k, v in self}
        return hashlib.sha256(repr((__version__, values)).encode()).hexdigest()[:16]


def without_password(url: str) -> str:
    """Return a database's address as it may be shown."""
    url = re.sub(r"(//[^:/]*):.*@", r"\1:***@", url)
    return re.sub(r"password=[^&]*", "password=***", url)  # also `sslpassword`, of a key


def _with_slash(uri: str) -> str:
    return uri.rstrip("/") + "/"


def _canonical(prefix: str) -> str:
    """Return the prefix as it is written in the canonical addresses that it will be compared with."""
    try:
        return str(Source.parse(prefix + "x")).removesuffix("x")
    except BadSource as error:
        raise ValueError(error.reason) from error


def load_settings(**given: object) -> Settings:
    """Read the environment and what is `given` above it, or raise BadSettings: one line, naming every wrong value, and
    every name that is no setting."""
    if unknown := unknown_names(os.environ, _names()):
        raise BadSettings("; ".join(unknown))
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic checks each value against its field
    except ValidationError as error:
        raise BadSettings("; ".join(_told(fault) for fault in error.errors())) from None


def _names() -> Iterator[str]:
    """Give every name by which the environment may set something."""
    for field, about in Settings.model_fields.items():
        alias = about.validation_alias
        if isinstance(alias, AliasChoices):
            yield from (str(choice) for choice in alias.choices)
        elif isinstance(alias, str):
            yield alias
        yield f"RAYTHUMBS_{field.upper()}"


def _told(fault: object) -> str:
    assert isinstance(fault, dict)  # noqa: S101 pydantic's ErrorDetails, for the type checker
    name = str(fault["loc"][0]) if fault["loc"] else "settings"
    shown = name if name.isupper() else f"RAYTHUMBS_{name.upper()}"
    where = "".join(f"{part}: " for part in fault["loc"][1:])  # in a list of specs: which one, and what of it
    return f"{shown}: {where}{fault['msg'].removeprefix('Value error, ')}"
