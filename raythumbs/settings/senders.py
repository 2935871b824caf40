"""What is known of the senders of notifications, apart from their secrets."""

import re
from typing import Literal

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from raythumbs.settings.values import FromJson

_TOPIC = re.compile(r"arn:aws[a-z-]{0,16}:sns:[a-z0-9-]{3,32}:[0-9]{1,12}:[A-Za-z0-9_.-]{1,256}")
_ORIGIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")


class Senders(BaseModel):
    """Whose notifications are taken, and how they are verified."""

    sns_topics: FromJson[tuple[str, ...]] = Field(
        (),
        description="JSON list of the ARNs of the Amazon SNS topics whose signed messages are taken: "
        '`["arn:aws:sns:eu-central-1:123456789012:photos"]`. Subscriptions of these topics are confirmed.',
    )
    sns_signature_versions: FromJson[tuple[Literal["1", "2"], ...]] = Field(
        ("1", "2"),
        min_length=1,
        description='JSON list of the accepted versions of Amazon SNS\'s signatures. `["2"]` requires SHA-256: set the '
        "topic's attribute `SignatureVersion` to 2 first.",
    )
    gcs_audience: str | None = Field(
        None,
        min_length=1,
        description="Audience of the tokens of a Pub/Sub push subscription for Google Cloud Storage. By default of "
        "Pub/Sub it is the address that is pushed to.",
    )
    gcs_service_account: str | None = Field(
        None,
        pattern=r"^[^@\s]+@[^@\s]+$",
        validate_default=True,
        description="E-mail address of the service account of that subscription. Set both or neither. Events of Google "
        "Cloud Storage are refused until both are set.",
    )
    webhook_origins: FromJson[tuple[str, ...]] = Field(
        (),
        description="JSON list of the origins that may send CloudEvents after asking with OPTIONS: "
        '`["eventgrid.azure.net"]`.',
    )

    @field_validator("sns_topics")
    @classmethod
    def _arns(cls, topics: tuple[str, ...]) -> tuple[str, ...]:
        for topic in topics:
            if not _TOPIC.fullmatch(topic):
                raise ValueError(f"{topic!r} is no topic, such as arn:aws:sns:eu-central-1:123456789012:photos")
        return topics

    @field_validator("gcs_service_account")
    @classmethod
    def _with_its_audience(cls, account: str | None, others: ValidationInfo) -> str | None:
        audience = others.data.get("gcs_audience", account)  # it is missing if it is wrong itself
        if account is None and audience is not None:
            raise ValueError("set it too, because RAYTHUMBS_GCS_AUDIENCE is set: a token must be of one account")
        if account is not None and audience is None:
            raise ValueError("set RAYTHUMBS_GCS_AUDIENCE too: a token must be for one audience")
        return account

    @field_validator("webhook_origins")
    @classmethod
    def _host_names(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin.lower()):
                raise ValueError(f"{origin!r} is not the name of a host, such as eventgrid.azure.net")
        return tuple(origin.lower() for origin in origins)
