"""The protocol of a store, and the values that it returns."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class Stat:
    """Facts of an object that a store knows without reading it. `version` changes whenever the content does.
    `modified_at` is in UTC seconds since 1970, by the store's clock."""

    key: str
    size_bytes: int
    version: str
    modified_at: float


@dataclass(frozen=True, slots=True)
class Fetched:
    """An object's bytes, as a file with a descriptor, at its beginning. The caller closes the file."""

    file: BinaryIO
    size_bytes: int
    version: str


class Store(Protocol):
    """A folder, or a bucket with a prefix. Keys are relative to it. Every call blocks.

    Each raises NoSuchObject, a StoreRefused, Archived, Encrypted or StoreUnavailable, and no error of a library.
    """

    def get(self, key: str, *, max_bytes: int, seconds: float) -> Fetched:
        """Fetch a whole object. Raise TooLarge over `max_bytes`, and StoreUnavailable after `seconds`."""

    def put(self, key: str, data: bytes, content_type: str, *, cache_control: str | None = None) -> None:
        """Store an object, whole or not at all, in place of an older one. It is durable when this returns.

        `cache_control` is the header that a store sends with the object over HTTP.
        """

    def create(self, key: str, content_type: str) -> AbstractContextManager[BinaryIO]:
        """Give a file to write into. It becomes the object when the context ends, unless an error ends it."""

    def head(self, key: str) -> Stat:
        """Return the facts of an object without reading it."""

    def delete(self, key: str) -> None:
        """Delete an object. Do nothing if there is none."""

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[Stat]:
        """Yield the objects whose key starts with `prefix` and is above `after`, in the order of their keys' UTF-8."""

    def folders(self, prefix: str = "") -> Sequence[str]:
        """Return the first prefixes of keys, up to a thousand, that start with `prefix` and go up to the next slash."""

    def url(self, key: str) -> str:
        """Return the permanent address of an object. Some stores open it only with credentials."""

    def link(self, key: str, *, seconds: int) -> str:
        """Return an address that opens the object without credentials for `seconds`."""

    def check_here(self) -> None:
        """Return if the checks that need no network pass, else raise."""

    def check(self) -> None:
        """Return if the store can be used, else raise."""
