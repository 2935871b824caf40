"""Webhooks: where to report photos and folders that are done."""

import re
from base64 import b64decode

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator

from raythumbs.model.webhook import WebhookEndpoint
from raythumbs.settings.values import FromJson

_MOST_ENDPOINTS = 16
_SECRET_BYTES = range(24, 65)  # Standard Webhooks 1.0.0, "Signature scheme"
_HOST = re.compile(r"[a-z0-9._:-]+")
_URL = re.compile(r"(https?)://[A-Za-z0-9._:\[\]-]+(/[!$-\[\]-~]*)?")  # the path: printable ASCII without ", # and \


class WebhookSettings(BaseModel):
    """The endpoints of webhooks, their secrets, and the hosts inside that may be endpoints."""

    webhook_allowed_hosts: FromJson[tuple[str, ...]] = Field(
        (),
        description="JSON list of the hosts that webhooks may be sent to although they are inside your network, or "
        'have no TLS: `["app.internal"]`. All others need `https` and an address of the public internet.',
    )
    webhooks: FromJson[tuple[WebhookEndpoint, ...]] = Field(
        (),
        description='JSON list of the endpoints of webhooks: `[{"url": "https://app.example.com/thumbnails", "events": '
        '["photo.succeeded"]}]`. Without `events` an endpoint gets all of them: `photo.succeeded`, `photo.failed`, '
        "`folder.done`. The addresses are no secrets: the database and `raythumbs webhooks` show them.",
    )
    webhook_secrets: SecretStr | None = Field(
        None,
        validate_default=True,
        description="Secret that signs webhooks: `whsec_` and 24 to 64 bytes as base64. While you replace it, the new "
        "and the old one, with a space between them: each message then has both signatures.",
    )

    @field_validator("webhook_allowed_hosts")
    @classmethod
    def _hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        lower = tuple(host.lower() for host in hosts)
        for host in lower:
            if not _HOST.fullmatch(host):
                raise ValueError(f"{host!r} is not a host name or IP address without port")
        return lower

    @field_validator("webhooks")
    @classmethod
    def _endpoints(cls, endpoints: tuple[WebhookEndpoint, ...], others: ValidationInfo) -> tuple[WebhookEndpoint, ...]:
        allowed = others.data.get("webhook_allowed_hosts", ())
        for endpoint in endpoints:
            _check(endpoint, allowed)
        if len({endpoint.url for endpoint in endpoints}) < len(endpoints):
            raise ValueError("two endpoints have the same url")
        if len(endpoints) > _MOST_ENDPOINTS:
            raise ValueError(f"has {len(endpoints)} endpoints; at most {_MOST_ENDPOINTS} are supported")
        return endpoints

    @field_validator("webhook_secrets")
    @classmethod
    def _signing(cls, secrets: SecretStr | None, others: ValidationInfo) -> SecretStr | None:
        if secrets is None and others.data.get("webhooks"):
            raise ValueError("is needed for RAYTHUMBS_WEBHOOKS: whsec_ and 24 to 64 random bytes as base64")
        if secrets is not None and not (words := secrets.get_secret_value().split()):
            raise ValueError("is empty: unset it, or give it a value")
        if secrets is not None and not all(map(_is_secret, words)):
            raise ValueError("must be whsec_ and 24 to 64 bytes as base64; several are separated by spaces")
        return secrets

    @property
    def signing_secrets(self) -> tuple[str, ...]:
        """The secrets that sign webhooks, in plain text."""
        return tuple(self.webhook_secrets.get_secret_value().split()) if self.webhook_secrets else ()


def _check(endpoint: WebhookEndpoint, allowed: tuple[str, ...]) -> None:
    found = _URL.fullmatch(endpoint.url)
    if not found or not _has_host_and_port(endpoint):
        raise ValueError(f"{endpoint.shown!r} is not the address of an endpoint, such as https://app.example.com/done")
    if found[1] == "http" and endpoint.host not in allowed:
        raise ValueError(f"{endpoint.shown!r} is not https: allow its host in RAYTHUMBS_WEBHOOK_ALLOWED_HOSTS")
    if not endpoint.events:
        raise ValueError(f"{endpoint.shown!r} wants no events: leave `events` out for all of them")


def _has_host_and_port(endpoint: WebhookEndpoint) -> bool:
    try:
        return bool(endpoint.host) and endpoint.port != 0
    except ValueError:  # of the port
        return False


def _is_secret(text: str) -> bool:
    try:
        return text.startswith("whsec_") and len(b64decode(text.removeprefix("whsec_"), validate=True)) in _SECRET_BYTES
    except ValueError:
        return False
