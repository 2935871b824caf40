"""Who may use the API."""

import ipaddress
import json
import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    field_validator,
)

from raythumbs.errors import BadSettings
from raythumbs.model.access import ApiKey, Scope, digest_of
from raythumbs.settings.values import not_empty

_HASH = "sha256:"
_HASHED = re.compile(rf"{_HASH}[0-9a-fA-F]{{64}}")
_BEARER = re.compile(r"[A-Za-z0-9._~+/-]{16,512}=*")  # RFC 6750, section 2.1; and too long to be guessed


def _hashed(key: str) -> str:
    """Return the hash of a key. A hash stays as it is."""
    if _HASHED.fullmatch(key):
        return key.lower()
    if key.startswith(_HASH) or not _BEARER.fullmatch(key):
        raise ValueError(
            "is neither sha256: and 64 hexadecimal digits, nor a key of 16 to 512 letters of A-Z a-z 0-9 ._~+/-"
        )
    return _HASH + digest_of(key)


class _Line(BaseModel):
    """A key, as the setting has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")
    key: Annotated[str, AfterValidator(_hashed)]
    scopes: tuple[Scope, ...] = Field(min_length=1)


_LINES = TypeAdapter(tuple[_Line, ...])


class Access(BaseModel):
    """The keys of the API, and what is open without one."""

    api_keys: SecretStr | None = Field(
        None,
        description='The keys of the API: a JSON list of `{"name": …, "key": …, "scopes": […]}`, or one such object. '
        "`key` is a key of at least 16 letters, or better its hash, `sha256:…`. Scopes are `upload`, `read` and "
        "`admin`, which includes the others. `raythumbs keys new NAME` makes a key and its line. See "
        "[Security](security.md#api-keys).",
    )
    allow_without_keys: bool = Field(
        default=False,
        description="`true`: listen on other addresses than this machine's own although there are no API keys. Whoever "
        "reaches the service may then do everything, so a gateway with a login must stand before it.",
    )
    public_thumbnails: bool = Field(
        default=False,
        description="`true`: thumbnails of a file store need neither a key nor a signed link. Without API keys they "
        "never do. Thumbnails in a bucket are as public as the bucket.",
    )

    @field_validator("api_keys")
    @classmethod
    def _only_hashes(cls, value: SecretStr | None) -> SecretStr | None:
        """Replace each key by its hash: from here on, nothing has the keys themselves."""
        not_empty(value)
        return None if value is None else SecretStr(_LINES.dump_json(_read(value.get_secret_value())).decode())

    @property
    def known_keys(self) -> tuple[ApiKey, ...]:
        """The keys. If there are none, the API is open to all who reach it."""
        lines = _LINES.validate_json(self.api_keys.get_secret_value()) if self.api_keys else ()
        return tuple(
            ApiKey(name=one.name, digest=one.key.removeprefix(_HASH), scopes=frozenset(one.scopes)) for one in lines
        )

    def refuse_strangers(self, host: str) -> None:
        """Raise BadSettings if others than this machine reach the host, and need no key."""
        if self.api_keys or self.allow_without_keys or is_loopback(host):
            return
        raise BadSettings(
            f"on {host} everybody who reaches this machine could use the service: make a key (`raythumbs keys new "
            "NAME`) and set RAYTHUMBS_API_KEYS; or set RAYTHUMBS_ALLOW_WITHOUT_KEYS=true, behind a gateway with a login"
        )


def _read(text: str) -> tuple[_Line, ...]:
    """Return the lines. An error quotes nothing, because it might be a key."""
    try:
        value = json.loads(text)
        lines = _LINES.validate_python([value] if isinstance(value, dict) else value)
    except ValidationError as error:
        raise ValueError("; ".join(map(_fault, error.errors(include_input=False, include_url=False)))) from None
    except (ValueError, RecursionError):
        raise ValueError("is not JSON") from None
    if not lines:
        raise ValueError("has no key: unset it, or give it one")
    for what, values in (("name", [one.name for one in lines]), ("key", [one.key for one in lines])):
        if len(set(values)) < len(values):
            raise ValueError(f"two keys have the same {what}")
    return lines


def hashed_line(*, name: str, key: str, scopes: Sequence[str]) -> dict[str, object]:
    """Return the line of the setting for a key, with its hash. Raises BadSettings."""
    try:
        return dict(_Line.model_validate({"name": name, "key": key, "scopes": scopes}))
    except ValidationError as error:
        raise BadSettings("; ".join(map(_fault, error.errors(include_input=False, include_url=False)))) from None


def _fault(error: Any) -> str:  # noqa: ANN401 pydantic's ErrorDetails
    fields = [str(part) for part in error["loc"] if isinstance(part, int) or part in _Line.model_fields]
    return ": ".join((*fields, error["msg"].removeprefix("Value error, ")))


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches what listens on the host. Names but localhost count as others'."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host.lower().rstrip(".") == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
