"""How much work the service takes, how it divides it, when a job fails, and how long jobs are kept."""

from typing import Literal

from pydantic import AliasChoices, BaseModel, Field, ValidationInfo, field_validator

from raythumbs.settings.values import MIB, FromJson, Positive, Seconds, canonical, is_place, with_slash


class Work(BaseModel):
    """Admission, slots, queues, budgets of jobs, retention, reconciliation and logging."""

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
        "about 29 hours, and about 60 hours when the store refuses until a person acts.",
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

    watched: FromJson[tuple[str, ...] | None] = Field(
        None,
        description='JSON list of the places that reconciliation compares with the record: `["s3://photos/2026/"]`. '
        "By default the uploads: `originals/` in the store, and in a bucket also `uploads/`.",
    )
    reconcile_every_seconds: int = Field(
        86_400, ge=0, description="How long after one reconciliation the next begins, in seconds. `0`: only on request."
    )

    log_format: Literal["text", "json"] = Field(
        "text", description="How events are logged: `text` for people, or `json`, one object a line."
    )
    log_level: Literal["INFO", "WARNING", "ERROR"] = Field(
        "WARNING", description="Which events are logged: `INFO` (those of each job too), `WARNING` or `ERROR`."
    )

    @field_validator("queue_shards")
    @classmethod
    def _divisible(cls, shards: int, others: ValidationInfo) -> int:
        database = others.data.get("database")  # a setting of Record: Settings has both
        if shards > 1 and not (database and database.get_secret_value().startswith("postgresql")):
            raise ValueError("more than one needs PostgreSQL (RAYTHUMBS_DATABASE): SQLite has one writer")
        if shards > 1 and not others.data.get("use_parallel_thumbnails"):
            raise ValueError("more than one needs USE_PARALLEL_THUMBNAILS=true")
        return shards

    @field_validator("watched")
    @classmethod
    def _places_to_watch(cls, uris: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for uri in uris or ():
            if not is_place(uri):
                raise ValueError(f"{uri!r} must be s3://BUCKET/PREFIX/ or file:///FOLDER/")
        return uris and tuple(canonical(with_slash(uri)) for uri in uris)
