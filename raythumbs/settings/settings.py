"""Settings: all topics in one class. They are read once, at start, and handed down."""

import hashlib
import tempfile
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from raythumbs import __version__
from raythumbs.model.folder import FolderRule
from raythumbs.model.source import Source
from raythumbs.model.webhook import Webhooks
from raythumbs.settings.access import Access
from raythumbs.settings.backfills import BackfillSettings
from raythumbs.settings.doors import Doors
from raythumbs.settings.finding import Finding
from raythumbs.settings.pictures import Memory, Pictures
from raythumbs.settings.requests import Requests
from raythumbs.settings.secrets import Secrets
from raythumbs.settings.senders import Senders
from raythumbs.settings.sqs import Sqs
from raythumbs.settings.stores import Stores
from raythumbs.settings.webhooks import WebhookSettings
from raythumbs.settings.work import Work


# From the last topic to the first, because pydantic takes the fields of the last base first. The order of the fields
# is the order of the manual's table, and part of `identity`.
class Settings(
    WebhookSettings,
    BackfillSettings,
    Sqs,
    Senders,
    Secrets,
    Work,
    Memory,
    Finding,
    Requests,
    Pictures,
    Stores,
    Access,
    Doors,
    BaseSettings,
):
    """All settings. In the environment they are `RAYTHUMBS_<NAME>`, or have the names that AWS users know."""

    model_config = SettingsConfigDict(env_prefix="RAYTHUMBS_", frozen=True, populate_by_name=True, extra="forbid")

    @classmethod
    def settings_customise_sources(  # noqa: PLR0917 pydantic's signature
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 the same
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 the same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing but arguments and the environment. Without a `.env` file, its source takes as long as theirs."""
        return init_settings, env_settings

    @property
    def watched_places(self) -> tuple[str, ...]:
        """The places that reconciliation compares with the record, each with a slash at its end."""
        if self.watched is not None:
            return self.watched
        return (
            (self.originals_uri, self.browser_uploads_uri)
            if self.store_uri.startswith("s3:")
            else (self.originals_uri,)
        )

    @property
    def folder_rule(self) -> FolderRule:
        """How the folder of a photo follows from its address, if nobody has named one."""
        return FolderRule(
            depth=self.folder_depth, browser_uploads=self.browser_uploads_uri, direct_uploads=self.originals_uri
        )

    @property
    def knows_senders(self) -> bool:
        """Whether any sender of notifications can prove itself. If none can, notifications are taken unproven."""
        return any(
            (
                self.notification_token,
                self.b2_signing_secret,
                self.r2_signing_secret,
                self.azure_secret,
                self.sns_topics,
                self.gcs_service_account,
            )
        )

    @property
    def folders(self) -> tuple[Path, ...]:
        """The local folders that the service writes to."""
        database = self.database_url.get_secret_value()
        stores = (uri for uri in (self.store_uri, self.thumbnails_uri) if uri.startswith("file:"))
        records = (Path(database.removeprefix("sqlite:///")).parent,) if database.startswith("sqlite:") else ()
        # An upload to a bucket is first collected in a nameless file, see S3Store.create.
        arriving = (Path(tempfile.gettempdir()),) if self.store_uri.startswith("s3:") else ()
        return tuple(dict.fromkeys((*(Path(Source.parse(uri).key) for uri in stores), *records, *arriving)))

    @property
    def to_report(self) -> Webhooks | None:
        """The webhooks for which the record keeps messages, if there are any."""
        return Webhooks(endpoints=self.webhooks, service_url=self.base_url) if self.webhooks else None

    @property
    def identity(self) -> str:
        """A digest of the version and of every setting: services with the same identity are the same service."""
        values = {k: v.get_secret_value() if isinstance(v, SecretStr) else v for k, v in self}
        return hashlib.sha256(repr((__version__, values)).encode()).hexdigest()[:16]
