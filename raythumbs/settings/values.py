"""Types and checks of values that several settings share. A check raises ValueError, which pydantic reports."""

import json
import re
from base64 import b64decode
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from raythumbs.errors import BadSource
from raythumbs.model.source import Source

MIB = 1024 * 1024
_SIGNING_BYTES = range(24, 65)
_T = TypeVar("_T")
_Text = TypeVar("_Text", str | None, SecretStr | None)

Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _from_json(value: object) -> object:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError(f"is not JSON: {error}") from error


def _octal(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not re.fullmatch(r"0*[0-7]{1,2}", value):
        raise ValueError("must be octal, 000 to 077: 077 (nobody else), 027 (the group may read), 022 (all may read)")
    return int(value, 8)


# pydantic-settings would parse JSON itself, but its error does not say what is wrong: hence NoDecode.
FromJson = Annotated[_T, NoDecode, BeforeValidator(_from_json)]
Octal = Annotated[int, BeforeValidator(_octal)]


def not_empty(value: _Text) -> _Text:
    """Return the value. It may be unset, but not empty."""
    if value is not None and not len(value):
        raise ValueError("is empty: unset it, or give it a value")
    return value


def signing_secret(value: SecretStr | None) -> SecretStr | None:
    """Return the value, which must be a secret of Standard Webhooks 1.0.0: base64 of 24 to 64 bytes, after `whsec_`."""
    if value is None:
        return None
    encoded = value.get_secret_value().removeprefix("whsec_")
    try:
        size = len(b64decode(encoded, validate=True))
    except ValueError:
        size = 0
    if size not in _SIGNING_BYTES:
        raise ValueError("must be whsec_ and the base64 of 24 to 64 random bytes")
    return value


def is_place(uri: str) -> bool:
    """Return whether this is the address of a folder or of a bucket, with or without a prefix."""
    return re.match(r"s3://[^/]+|file:///.", uri) is not None


def with_slash(uri: str) -> str:
    """Return the address with exactly one slash at its end."""
    return uri.rstrip("/") + "/"


def canonical(prefix: str) -> str:
    """Return the prefix in the canonical form of sources' addresses, so that the two can be compared."""
    try:
        return str(Source.parse(prefix + "x")).removesuffix("x")
    except BadSource as error:
        raise ValueError(error.reason) from error
