"""Makes the manual's page about settings from Settings: `python -m raythumbs.manual.settings_page`."""

import json
from collections.abc import Iterator

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from raythumbs.manual import PAGES
from raythumbs.settings import Settings

# The first setting of each topic; the settings of a topic follow each other.
_TOPICS = {
    "host": "Address and processes",
    "api_keys": "Access",
    "data_dir": "Database and stores",
    "specs": "Thumbnails",
    "max_photo_bytes": "Requests and clients",
    "folder_depth": "Folders, links and streams",
    "prefetch_bytes": "Memory of workers",
    "max_backlog": "When no more work is taken",
    "max_workers_per_node": "Slots and queues",
    "job_timeout_seconds": "Jobs",
    "watched": "Reconciliation",
    "log_format": "Logs",
    "notification_token": "Notifications",
    "webhook_allowed_hosts": "Webhooks",
}
_HEAD = """\
# Settings

<!-- Made by `python -m raythumbs.manual.settings_page` from the class Settings. Change the descriptions there. -->

Every setting is an environment variable. The service reads the settings once, at start. A wrong value stops the start
with one line that names the setting. So does a name that begins with `RAYTHUMBS_` and is no setting: a typing error
never goes unnoticed.

`raythumbs serve` and `raythumbs up` take the most used settings as options too: `--host`, `--port`, `--data-dir`,
`--store`, `--database` and `--sqs-queue`. `ps` shows options to other users of the machine, so set a database address
with a password in the environment. [Command line](command-line.md) describes the options.

More variables are read:

| name | meaning |
|---|---|
| `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` | Credentials for S3. boto3's other ways work too: profiles, roles of \
containers and of instances. |
| `OTEL_EXPORTER_OTLP_ENDPOINT` and OpenTelemetry's other variables | Where [traces](monitoring.md#traces) go. |
| `RAYTHUMBS_URL` | Where the service is, for commands that talk to a service. It is no setting of the service. |
| `RAYTHUMBS_API_KEY` | The API key, for commands and `raythumbs.client` that talk to a service. It is no \
setting of the service. |
"""
_MIB = 1024 * 1024
_GIB = 1024 * _MIB
_DAY_SECONDS = 86_400


def settings_page() -> str:
    """Return the page: the settings by topic, with what the environment calls them, their defaults and meanings."""
    return "\n".join((_HEAD, *_rows())) + "\n"


def _rows() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        if topic := _TOPICS.get(name):
            yield from (*([] if name == next(iter(_TOPICS)) else [""]), f"## {topic}", "")
            yield from ("| name | default | meaning |", "|---|---|---|")
        meaning = (field.description or "").replace("|", "\\|")
        yield f"| `{variable(name, field)}` | {_default(name, field)} | {meaning} |"


def variable(name: str, field: FieldInfo) -> str:
    """Return what the environment calls a setting; of several names, the first."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    return alias if isinstance(alias, str) else f"RAYTHUMBS_{name.upper()}"


def _default(name: str, field: FieldInfo) -> str:
    value = field.default
    if name == "specs":
        return "[inside 300×300, JPEG](sizes-and-formats.md)"  # noqa: RUF001 the sign of "300 by 300"
    if value is None or value == ():
        return ""
    if name == "umask":
        return f"`{value:03o}`"
    shown = json.dumps(value) if isinstance(value, bool | tuple) else str(value)
    return f"`{shown}`{_readable(name, value)}"


def _readable(name: str, value: object) -> str:
    if not isinstance(value, int):
        return ""
    if name.endswith("_bytes"):
        return f" ({value // _GIB} GiB)" if value % _GIB == 0 else f" ({value // _MIB} MiB)"
    if name.endswith("_seconds") and value >= _DAY_SECONDS:
        days = value // _DAY_SECONDS
        return " (a day)" if days == 1 else f" ({days} days)"
    return ""


if __name__ == "__main__":
    PAGES["settings"].file.write_text(settings_page(), encoding="utf-8")
