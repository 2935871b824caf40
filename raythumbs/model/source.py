"""Where a photo lies (`s3://bucket/key`, `file:///path`), and which of such places the service may read."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Self
from urllib.parse import unquote

from raythumbs.errors import BadSource, SourceNotAllowed

# Amazon S3, "Bucket naming rules": lower case and 63 letters today; the oldest may have capitals, `_` and 255.
BUCKET_BYTES = 255
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # half of a surrogate pair is no letter
_BUCKET = re.compile(rf"[A-Za-z0-9._-]{{3,{BUCKET_BYTES}}}")
KEY_BYTES = 1024  # Amazon S3, "Naming objects": a key is at most 1,024 bytes of UTF-8
PATH_BYTES = 2048  # half of Linux's PATH_MAX: an index row of PostgreSQL holds at most 2,704 bytes


@dataclass(frozen=True, slots=True)
class Source:
    """A place: `bucket` is empty for a file, whose `key` is then its absolute path. Keys are opaque: never decoded."""

    scheme: str
    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Read an address as people write it, or raise BadSource.

        What follows `s3://bucket/` is the key as it is; a file's address may have percent escapes (RFC 8089).
        """
        refuse_unstorable(uri)
        match uri.split("://", 1):
            case ["s3", rest]:
                bucket, _, key = rest.partition("/")
                if not bucket or not key:
                    raise BadSource(f"{uri!r} lacks a bucket or a key: write s3://bucket/key")
                if not _BUCKET.fullmatch(bucket) or ".." in bucket:
                    raise BadSource(
                        f"no bucket can be called {bucket[:255]!r}: 3 to 255 of a-z, A-Z, 0-9, '.', '-', '_'"
                    )
                if len(key.encode()) > KEY_BYTES:
                    raise BadSource(f"the key has {len(key.encode())} bytes; a key has at most {KEY_BYTES}")
                return cls("s3", bucket, key)
            case ["file", path]:
                return cls("file", "", _absolute(unquote(path)))
            case _:
                raise BadSource(f"{uri!r} is neither s3://bucket/key nor file:///path")

    def __str__(self) -> str:
        """The canonical address, as rows have it: `parse` reads it as the same place. Only a path's `%` is escaped."""
        return f"{self.scheme}://{self.bucket}/{self.key}" if self.bucket else f"{self.scheme}://{_escaped(self.key)}"


def is_folder_marker(key: str, size_bytes: int | None) -> bool:
    """Whether an object of S3 only stands for a folder: the S3 console and others make `folder/`, Hadoop
    `folder_$folder$`, each without a byte. MinIO's events tell no size of such an object."""
    return not size_bytes and key.endswith(("/", "_$folder$"))


def refuse_unstorable(text: str) -> None:
    """Raise BadSource for text that no database column or file name can hold: NUL, or half a surrogate pair."""
    if _UNSTORABLE.search(text):
        raise BadSource(f"{text!a} holds a character that cannot be stored")


def _absolute(path: str) -> str:
    refuse_unstorable(path)  # once more: what was escaped has come out now
    if not path.startswith("/") or ".." in PurePosixPath(path).parts:
        raise BadSource(f"{path!r} is not an absolute path without '..': write file:///folder/photo.jpg")
    if len(_escaped(path).encode()) > PATH_BYTES:
        raise BadSource(f"the path has {len(_escaped(path).encode())} bytes; a path has at most {PATH_BYTES}")
    return str(PurePosixPath("/" + path.lstrip("/")))  # one slash: PurePosixPath leaves two as they are


def _escaped(path: str) -> str:
    return path.replace("%", "%25")


@dataclass(frozen=True, slots=True)
class SourcePolicy:
    """Which sources may be read: those under a prefix of `allowed`, but none under a prefix of `outputs`.

    A prefix ends where its text ends, so folders and buckets are written with their last slash.
    """

    allowed: tuple[str, ...]
    outputs: tuple[str, ...]

    def is_output(self, source: Source) -> bool:
        """Whether the service itself wrote this object: making thumbnails of thumbnails would never end."""
        return str(source).startswith(self.outputs)

    def allows(self, source: Source) -> bool:
        """Whether a job may be made of this source."""
        return str(source).startswith(self.allowed) and not self.is_output(source)

    def check(self, source: Source) -> Source:
        """Return the source, or raise SourceNotAllowed with what to do about it."""
        if self.is_output(source):
            raise SourceNotAllowed(f"{source} is one of this service's own thumbnails")
        if not self.allows(source):
            raise SourceNotAllowed(f"{source} is outside of RAYTHUMBS_ALLOWED_SOURCES")
        return source
