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
from raythumbs.unknown_names import unknown_names

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

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    public_base_url: str | None = Field(None, description="Address of this service as clients see it.")
    ingress_replicas: Positive = Field(1, description="Processes that answer HTTP.")
    ingress_nodes: Literal["head", "all"] = Field(
        "head", description="Where they are: all on the head, or each on another node of the cluster."
    )

    data_dir: Path = Field(Path("raythumbs-data"), description="Folder of the embedded database and file store.")
    database: SecretStr | None = Field(None, description="`sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/NAME`.")
    umask: Annotated[int, BeforeValidator(_octal)] = Field(
        0o077, ge=0, le=0o077, description="Rights that files of the service do not give to others, in octal."
    )
    store: str | None = Field(None, description="Where uploads go: `file:///FOLDER` or `s3://BUCKET/PREFIX`.")
    s3_bucket_name: str | None = Field(
        None, validation_alias="S3_BUCKET_NAME", description="The store, where no other is set: this bucket."
    )
    aws_region: str | None = Field(
        None, validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION"), description="Region of the buckets."
    )
    s3_endpoint_url: str | None = Field(
        None,
        validation_alias=AliasChoices("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
        description="Address of an S3-compatible server, where it is not Amazon's.",
    )
    instance_credentials: Literal["auto", "true", "false"] = Field(
        "auto", description="Whether S3 may be asked with the machine's own role: `auto` where it is one of Amazon's."
    )
    thumbnails_store: str | None = Field(None, description="Where thumbnails go, if not into the store.")
    thumbnails_prefix: str = Field("thumbnails/", description="What the keys of thumbnails begin with.")
    thumbnails_base_url: str | None = Field(
        None, description="Public address of the thumbnails' bucket or CDN; without it, links to S3 are presigned."
    )
    link_seconds: Positive = Field(3600, le=604_800, description="How long a presigned link lasts, in seconds.")
    allowed_sources: Annotated[tuple[str, ...] | None, NoDecode] = Field(
        None,
        description="Prefixes of what may be read; by default the store, and any bucket if that is a folder.",
    )

    specs: Annotated[tuple[RenditionSpec, ...], NoDecode] = Field(
        (RenditionSpec(),), description="The thumbnails to make."
    )
    max_photo_bytes: Positive = Field(128 * MIB, description="Largest photo, in bytes.")
    max_upload_bytes: Positive = Field(1024 * MIB, description="Largest body of a direct upload, in bytes.")
    max_body_bytes: Positive = Field(4 * MIB, description="Largest body of any other request, in bytes.")
    max_arriving: Positive = Field(
        4096, description="Uploads that may be arriving at a replica at one time, and as many bodies of other requests."
    )
    max_arriving_per_client: Positive = Field(256, description="How many of them one client may send.")
    body_gap_seconds: Seconds = Field(30, description="Longest wait for the next bytes of a body, in seconds.")
    min_body_bytes_per_second: Positive = Field(
        1024, description="Slowest rate of a body, in bytes per second, after its first 10 seconds."
    )
    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = Field(
        ("127.0.0.1", "::1"),
        validate_default=True,
        description="Addresses and networks of proxies whose `X-Forwarded-For` tells the client.",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Host names that the service answers to, beside its own and every IP address."
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins of other web sites whose pages may use the service."
    )
    prefetch_bytes: Positive = Field(
        64 * MIB, description="Memory for photos that a worker fetches ahead, in bytes; one it always fetches."
    )
    worker_decode_bytes: Positive = Field(
        512 * MIB, description="Memory for a picture in an ordinary worker, in bytes; what needs more has its own lane."
    )
    max_decode_bytes: Positive = Field(2048 * MIB, description="Largest picture in memory, in bytes.")

    max_backlog: Positive = Field(1_000_000, description="Photos that may wait, before no more are taken.")
    min_free_disk_bytes: int = Field(512 * MIB, ge=0, description="Bytes that must be free on the service's disks.")
    min_free_memory_bytes: int = Field(256 * MIB, ge=0, description="Bytes of memory that must be available.")

    max_workers_per_node: Positive = Field(8, le=1024, description="Slots of a node, at most its CPUs.")
    max_slots: Positive = Field(100, description="Slots that the autoscaler is asked for at most.")
    use_parallel_thumbnails: bool = Field(
        default=True,
        validation_alias=AliasChoices("USE_PARALLEL_THUMBNAILS", "RAYTHUMBS_USE_PARALLEL_THUMBNAILS"),
        description="`false`: one slot in all, one photo after the other.",
    )
    yield_to_others: bool = Field(
        default=False,
        description="`true`: give up slots of a node whose cores other programs use, or whose memory is short.",
    )
    queue_shards: Positive = Field(
        1, le=64, description="Queues that share the jobs, with PostgreSQL; more where one cannot feed all slots."
    )
    job_timeout_seconds: Seconds = Field(30, description="Longest time for one photo, in seconds.")
    lease_seconds: Seconds = Field(60, ge=5, description="How long a job may go unrenewed, in seconds.")
    max_errors: Positive = Field(15, description="Passing errors until a job fails.")
    max_timeouts: Positive = Field(3, description="Timeouts of rendering until a job fails.")
    max_crashes: Positive = Field(3, description="Crashes until a job fails.")
    drain_seconds: Seconds = Field(25, description="Time to finish running work at shutdown, in seconds.")
    keep_finished_seconds: Positive = Field(7 * 86_400, description="How long finished jobs are kept, in seconds.")
    keep_failed_seconds: Positive = Field(30 * 86_400, description="How long failed jobs are kept, in seconds.")
    keep_events_seconds: Positive = Field(14 * 86_400, description="How long event ids are remembered, in seconds.")

    watched: Annotated[tuple[str, ...] | None, NoDecode] = Field(
        None, description="Places that reconciliation compares with the record; by default the uploads."
    )
    reconcile_every_seconds: int = Field(
        86_400, ge=0, description="How long after one reconciliation the next begins, in seconds; 0: when asked."
    )

    log_level: Literal["INFO", "WARNING", "ERROR"] = Field(
        "WARNING", description="What is told of what happens; `INFO`: of each job too."
    )

    notification_token: SecretStr | None = Field(None, description="What S3 notifications must bring to be believed.")
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
