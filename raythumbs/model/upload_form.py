"""The form with which a browser uploads a photo straight to the bucket."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadTerms:
    """What a form allows: one object, with this key in the store and this content type, up to a size, for a while."""

    key: str
    content_type: str
    max_bytes: int
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadForm:
    """Where to post a form, and its fields. The file comes after them."""

    url: str
    fields: Mapping[str, str]
