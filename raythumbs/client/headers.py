"""The headers of requests."""

import os
import re

from raythumbs.client.refusals import NotText

_SENDABLE = re.compile(r"[!-~]+")  # RFC 9110, section 5.5, without spaces


def authorization(key: str | None) -> dict[str, str]:
    """Return the header with a key or a token, or nothing without one."""
    if not key:
        return {}
    if not _SENDABLE.fullmatch(key):  # quoted in no error, because it is secret
        raise NotText("the API key has letters that no key has: is RAYTHUMBS_API_KEY what it should be?")
    return {"Authorization": f"Bearer {key}"}


def key_or_usual(api_key: str | None) -> str | None:
    """Return the key, or that of the environment variable RAYTHUMBS_API_KEY."""
    return os.environ.get("RAYTHUMBS_API_KEY") if api_key is None else api_key
