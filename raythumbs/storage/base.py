"""The protocol of a store, and the values that it speaks in."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class Stat:
    """What a store tells of an object without reading it. `version` changes whenever the content does; `modified_at` is
    in UTC seconds since 1970, by the store's clock."""

    key: str
    size_bytes: int
    version: str
    modified_at: float


@dataclass(frozen=True, slots=True)
class Fetched:
    """An object's bytes as a file that has a descriptor, at its beginning; whoever fetched it closes it."""

    file: BinaryIO
    size_bytes: int
    version: str


class Store(Protocol):
    """A folder, or a bucket with a prefix. Keys are relative to it. Every call blocks.

    Each raises NoSuchObject, a StoreRefused, Archived, Encrypted or StoreUnavailable, and no error of a library.
    """

    def get(self, key: str, *, max_bytes: int, seconds: float) -> Fetched:
        """Fetch an object whole within `seconds` (else StoreUnavailable), if it has at most `max_bytes` (else
        TooLarge)."""

    def put(self, key: str, data: bytes, content_type: str, *, cache_control: str | None = None) -> None:
        """Store an object whole or not at all, over what was there; when it returns, it is there to stay.

        `cache_control` is what a store that is read over HTTP tells its readers.
        """

    def create(self, key: str, content_type: str) -> AbstractContextManager[BinaryIO]:
        """Give a file to write into; it becomes the object when the context is left, or nothing if by an error."""

    def head(self, key: str) -> Stat:
        """Tell of an object without reading it."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is as good as removed."""

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[Stat]:
        """Tell of every object whose key begins so and comes after another, in the order of their keys' UTF-8."""

    def url(self, key: str) -> str:
        """Return the address of an object that stays valid; whether it opens without credentials is the store's."""

    def link(self, key: str, *, seconds: int) -> str:
        """Return an address of an object that opens for so long, without credentials."""

    def check_here(self) -> None:
        """Return if all is right that can be seen without the network, else raise."""

    def check(self) -> None:
        """Return if the store answers, else raise."""
