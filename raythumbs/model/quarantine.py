"""Quarantine: messages of proven senders that cannot be understood, kept for a person."""

from collections.abc import Mapping
from dataclasses import dataclass

BODY_BYTES = 64 * 1024  # of each body, the beginning is kept
MESSAGES = 500  # the newest are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """A message in quarantine. `headers` are those that matter, without secrets; `size_bytes` is of its whole body.

    `received_at` is in UTC seconds since 1970. It is None until the database has given its time.
    """

    id: str
    sender: str
    reason: str
    headers: Mapping[str, str]
    size_bytes: int
    received_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedMessage:
    """A message in quarantine, with the beginning of its body."""

    about: Quarantined
    body: bytes
