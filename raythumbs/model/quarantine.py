"""Quarantine: messages of proven senders that cannot be understood, kept for a person."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

MESSAGES = 500  # the newest are kept
BYTES = 64 << 20  # of their bodies together, and always the newest message
_REASON_LETTERS = 1000


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
    """A message in quarantine, with its body. Of a large body an older version kept the beginning alone."""

    about: Quarantined
    body: bytes

    @classmethod
    def of(cls, sender: str, body: bytes, *, reason: str, headers: Mapping[str, str]) -> Self:
        """Return the message to keep. Its id is made of the sender and the body, so a repeated message is kept once."""
        about = Quarantined(
            id=hashlib.sha256(sender.encode() + b"\0" + body).hexdigest()[:32],
            sender=sender,
            reason=reason.encode("ascii", "backslashreplace").decode().replace("\0", "\\0")[:_REASON_LETTERS],
            headers=headers,
            size_bytes=len(body),
        )
        return cls(about=about, body=body)
