"""Where the service keeps its own data: the data folder, the database, and the permissions of its files."""

import os
import re
from pathlib import Path

from pydantic import BaseModel, Field, SecretStr, field_validator

from raythumbs.settings.values import Octal

_DATABASE = re.compile(
    r"sqlite://.*"
    # Split as the driver splits it. If a password has an @, the driver takes its end as the host, and shows the host in
    # errors.
    r"|postgresql(\+psycopg)?://([^:/]*(:[^@]*)?@)?(\[[^]@]*\]|[^@/:?]*)(:\d*)?(/[^@?]*)?(\?.*)?",
    re.DOTALL,
)


class Record(BaseModel):
    """The data folder, the database, and the permissions of new files."""

    data_dir: Path = Field(Path("raythumbs-data"), description="Folder of the embedded database and of the file store.")
    database: SecretStr | None = Field(
        None,
        description="`sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/NAME`, with `%40` for an `@` in a password. "
        "By default a SQLite file in the data folder. PostgreSQL needs `.venv/bin/pip install "
        "'.[postgres]'`.",
    )
    umask: Octal = Field(
        0o077,
        ge=0,
        le=0o077,
        description="Permissions that the service's files and folders withhold from other users, in octal. By default "
        "only the service's user can read photos, thumbnails and folders. `022` lets everybody read them, "
        "such as a web server that serves the thumbnails; `027` lets the group read them. A new SQLite "
        "database always belongs to its user alone. Existing files keep their permissions: `chmod -R go= "
        "FOLDER` closes files of older versions.",
    )

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, folder: Path) -> Path:
        return Path(os.path.normpath(folder.expanduser().absolute()))  # links stay, because their targets may change

    @field_validator("database")
    @classmethod
    def _known_database(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _DATABASE.fullmatch(url.get_secret_value()):
            raise ValueError("must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME, and %40 for an @ in it")
        return url

    @property
    def database_url(self) -> SecretStr:
        """The database's address: the setting, or a SQLite file in the data folder."""
        url = self.database.get_secret_value() if self.database else f"sqlite:///{self.data_dir}/raythumbs.db"
        return SecretStr(url.replace("postgresql://", "postgresql+psycopg://", 1))

    @property
    def shown_database(self) -> str:
        """The database's address without its password."""
        return without_password(self.database_url.get_secret_value())

    def apply_umask(self) -> None:
        """Set the umask of this process, and so of the processes that it starts."""
        os.umask(self.umask)


def without_password(url: str) -> str:
    """Return a database's address without its password."""
    url = re.sub(r"(//[^:/]*):.*@", r"\1:***@", url)
    return re.sub(r"password=[^&]*", "password=***", url)  # also `sslpassword`, of a key
