"""Webhooks: messages to an app's own address about photos and folders that are done. After Standard Webhooks 1.0.0."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

# Until each attempt, from the one before. Source: Standard Webhooks 1.0.0, "Deliverability and reliability".
SCHEDULE_SECONDS = (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
_SPREAD = 0.1
LONGEST_SECONDS = 4 * 86_400.0  # a message that is older is given up, whatever its attempts


class WebhookEvent(StrEnum):
    """What a webhook reports."""

    PHOTO_SUCCEEDED = "photo.succeeded"
    PHOTO_FAILED = "photo.failed"
    FOLDER_DONE = "folder.done"


@dataclass(frozen=True, kw_only=True)
class WebhookEndpoint:
    """An address that webhooks go to, and the events that it wants."""

    url: str
    events: tuple[WebhookEvent, ...] = tuple(WebhookEvent)

    @property
    def id(self) -> str:
        """A short name, which follows from the address."""
        return f"wh_{_digest(self.url)}"

    @property
    def identity(self) -> str:
        """A digest of the address and the events. If it changes, the endpoint's setting was changed."""
        return _digest(repr((self.url, sorted(self.events))))

    @property
    def host(self) -> str:
        """The host, in lower case, without port."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int | None:
        """The port, if the address names one. Raises ValueError if it is no port."""
        return urlsplit(self.url).port

    @property
    def shown(self) -> str:
        """The address without its query, for logs."""
        return shown(self.url)


@dataclass(frozen=True, kw_only=True)
class Webhooks:
    """What the record needs to write webhooks: the endpoints, and the service's address for the links in them."""

    endpoints: tuple[WebhookEndpoint, ...]
    service_url: str


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A message to one endpoint. `attempts` counts those that failed since `begun_at` (UTC seconds)."""

    id: str
    event: str
    body: str
    attempts: int
    begun_at: float


@dataclass(frozen=True, kw_only=True)
class EndpointState:
    """How the deliveries to an endpoint go. Times are UTC, in seconds since 1970.

    `waiting` and `given_up` count messages. `error` is the reason of the last failure, at `failed_at`.
    """

    id: str
    url: str
    disabled_at: float | None
    delivered_at: float | None
    failed_at: float | None
    error: str | None
    waiting: int
    given_up: int


def wait_seconds(attempts: int, *, chance: float, asked_seconds: float = 0.0) -> float | None:
    """Return the seconds until the next attempt, after so many failed; None if there is no further attempt.

    `asked_seconds` is what the endpoint asked for (Retry-After); it counts for at most a day. `chance` is a random
    number from 0 to 1, which spreads the attempts within ten per cent.
    """
    if attempts >= len(SCHEDULE_SECONDS):
        return None
    planned = SCHEDULE_SECONDS[attempts] * (1 - _SPREAD + 2 * _SPREAD * chance)
    return max(planned, min(asked_seconds, SCHEDULE_SECONDS[-1]))


def shown(url: str) -> str:
    """Return an address without its query, for logs."""
    return url.partition("?")[0]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
