"""The secrets among the settings, and copies of the settings with and without them."""

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, Field, SecretStr, field_validator

from raythumbs.settings.values import not_empty, signing_secret


class Secrets(BaseModel):
    """The secrets of notifications. The methods concern all secrets, so also the database's address."""

    notification_token: SecretStr | None = Field(
        None,
        description="Token that S3 notifications must bring: as `Authorization: Bearer …`, or as the password of an "
        "endpoint of Amazon SNS.",
    )
    b2_signing_secret: SecretStr | None = Field(None, description="Signing secret of the Backblaze B2 event rule.")
    r2_signing_secret: SecretStr | None = Field(
        None,
        description="Secret with which your Worker signs the events of Cloudflare R2: `whsec_` and the base64 of 24 to "
        "64 random bytes.",
    )
    azure_secret: SecretStr | None = Field(
        None,
        description="Secret that Azure Event Grid must bring: as `?secret=…` in the address of the subscription, or as "
        "`Authorization: Bearer …`.",
    )

    @field_validator("r2_signing_secret")
    @classmethod
    def _of_standard_webhooks(cls, value: SecretStr | None) -> SecretStr | None:
        return signing_secret(value)

    @field_validator("notification_token", "b2_signing_secret", "azure_secret")
    @classmethod
    def _not_empty(cls, value: SecretStr | None) -> SecretStr | None:
        return not_empty(value)

    @classmethod
    def secret_names(cls) -> tuple[str, ...]:
        """Return the environment variables that hold secrets."""
        return tuple(f"RAYTHUMBS_{name.upper()}" for name in cls._secret_fields())

    @classmethod
    def _secret_fields(cls) -> tuple[str, ...]:
        return tuple(name for name, field in cls.model_fields.items() if "SecretStr" in str(field.annotation))

    @property
    def secrets(self) -> dict[str, str]:
        """The secrets that are set, by the names of their fields, in plain text."""
        values = ((name, getattr(self, name)) for name in self._secret_fields())
        return {name: value.get_secret_value() for name, value in values if value is not None}

    def without_secrets(self) -> Self:
        """Return a copy that has no secrets."""
        return self.model_copy(update=dict.fromkeys(self._secret_fields()))

    def with_secrets(self, secrets: Mapping[str, str]) -> Self:
        """Return a copy that has these secrets, given by the names of their fields."""
        return self.model_copy(update={name: SecretStr(value) for name, value in secrets.items()})
