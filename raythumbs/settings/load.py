"""Reads the settings from the environment, and reports everything wrong with them in one line."""

import os
from collections.abc import Iterator

from pydantic import AliasChoices, ValidationError

from raythumbs.errors import BadSettings
from raythumbs.settings.settings import Settings
from raythumbs.settings.unknown_names import unknown_names


def load_settings(**given: object) -> Settings:
    """Return the settings from the environment. Values in `given` replace them.

    Raises BadSettings with one line that names every wrong value, or every unknown name.
    """
    if unknown := unknown_names(os.environ, _names()):
        raise BadSettings("; ".join(unknown))
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic checks each value against its field
    except ValidationError as error:
        raise BadSettings("; ".join(_message(fault) for fault in error.errors())) from None


def _names() -> Iterator[str]:
    """Yield every name of an environment variable that is a setting."""
    for field, about in Settings.model_fields.items():
        alias = about.validation_alias
        if isinstance(alias, AliasChoices):
            yield from (str(choice) for choice in alias.choices)
        elif isinstance(alias, str):
            yield alias
        yield f"RAYTHUMBS_{field.upper()}"


def _message(fault: object) -> str:
    assert isinstance(fault, dict)  # noqa: S101 pydantic's ErrorDetails, for the type checker
    name = str(fault["loc"][0]) if fault["loc"] else "settings"
    shown = name if name.isupper() else f"RAYTHUMBS_{name.upper()}"
    where = "".join(f"{part}: " for part in fault["loc"][1:])  # in a list of specs: the number of the spec, its field
    return f"{shown}: {where}{fault['msg'].removeprefix('Value error, ')}"
