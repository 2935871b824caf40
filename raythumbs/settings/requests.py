"""Limits of requests, and the hosts and sites that the service answers."""

import re

from pydantic import BaseModel, Field, IPvAnyNetwork, field_validator

from raythumbs.settings.values import MIB, FromJson, Positive, Seconds

_HOST = re.compile(r"\*|(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9_.\[\]:-]+")


class Requests(BaseModel):
    """How large, how many and how slow requests may be, and whose requests are answered."""

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
    trusted_proxies: FromJson[tuple[IPvAnyNetwork, ...]] = Field(
        ("127.0.0.1", "::1"),
        validate_default=True,
        description="JSON list of the addresses and networks of proxies whose `X-Forwarded-For` header names the "
        "client. Name your load balancer here; otherwise all its clients count as one.",
    )
    allowed_hosts: FromJson[tuple[str, ...]] = Field(
        (),
        description='JSON list of more host names that the service answers to: `["thumbs.internal", '
        '"*.example.com"]`; `["*"]` allows all. The service always answers to every IP address, names of '
        "a local network (`nas.local`, a Kubernetes service), the machine's own name and the host of "
        "`RAYTHUMBS_PUBLIC_BASE_URL`.",
    )
    allowed_origins: FromJson[tuple[str, ...]] = Field(
        (),
        description="JSON list of the origins of other web sites whose pages may use the service: "
        '`["https://app.example.com"]`.',
    )

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
