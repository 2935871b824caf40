"""The plan: what a task must make and where to put it. It has no secret, because it travels as an argument."""

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from raythumbs.events import LogFormat
from raythumbs.imaging import Limits
from raythumbs.model.lease import Lease
from raythumbs.model.photo import RenditionSpec
from raythumbs.model.source import SourcePolicy
from raythumbs.settings import Settings
from raythumbs.storage.stores import Stores, stores_of


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How to fetch, what to render, where to store. Credentials come from the environment of each node, or from a
    file that only this user can read."""

    stores: Stores
    policy: SourcePolicy
    thumbnails_uri: str
    thumbnails_prefix: str
    thumbnails_base_url: str | None
    service_url: str
    specs: tuple[RenditionSpec, ...]
    limits: Limits
    max_photo_bytes: int
    prefetch_bytes: int
    photo_seconds: float
    yields_to_others: bool
    umask: int
    log_level: str
    log_format: LogFormat
    secrets_file: Path | None = None  # on the queue's node, if the worker is there too

    @classmethod
    def of(cls, settings: Settings, *, secrets_file: Path | None = None) -> Self:
        """Return the plan of these settings."""
        return cls(
            stores=stores_of(settings),
            policy=replace(settings.policy, allowed=(*settings.policy.allowed, settings.originals_uri)),
            thumbnails_uri=settings.thumbnails_uri,
            thumbnails_prefix=settings.thumbnails_prefix,
            thumbnails_base_url=settings.thumbnails_base_url,
            service_url=settings.base_url,
            specs=settings.specs,
            limits=Limits(
                decode_bytes=min(settings.worker_decode_bytes, settings.max_decode_bytes),
                elsewhere_bytes=settings.max_decode_bytes,
                missing_rows=settings.missing_rows,
                native=settings.native,
            ),
            max_photo_bytes=settings.max_photo_bytes,
            prefetch_bytes=settings.prefetch_bytes,
            photo_seconds=settings.job_timeout_seconds,
            yields_to_others=settings.yield_to_others,
            umask=settings.umask,
            log_level=settings.log_level,
            log_format=settings.log_format,
            secrets_file=secrets_file,
        )

    @property
    def of_the_large(self) -> Self:
        """This plan, with the memory for a large photo."""
        return replace(self, limits=replace(self.limits, decode_bytes=self.limits.elsewhere_bytes, elsewhere_bytes=0))

    def key(self, source: str, version: str, spec: RenditionSpec) -> str:
        """Return a rendition's key. It follows from the source, its version and the spec, so rendering twice writes the
        same bytes to the same place."""
        digest = hashlib.sha256(repr((source, version, spec)).encode()).hexdigest()
        return f"{self.thumbnails_prefix}{digest[:2]}/{digest[2:32]}/{spec.name}.{spec.format.extension}"

    def missing(self, lease: Lease, version: str) -> tuple[RenditionSpec, ...]:
        """Return the specs whose renditions are to be made of the version that was fetched: all of them, unless the
        lease says which are there already."""
        if lease.kept_version != version:
            return self.specs
        there = {one.key for one in lease.renditions}
        return tuple(spec for spec in self.specs if self.key(lease.source, version, spec) not in there) or self.specs

    def is_key(self, key: str) -> bool:
        """Return whether a key has the form of `key`'s: other objects under the prefix are not the service's."""
        return (
            re.fullmatch(re.escape(self.thumbnails_prefix) + r"[0-9a-f]{2}/[0-9a-f]{30}/[a-z0-9_-]+\.[a-z]+", key)
            is not None
        )
