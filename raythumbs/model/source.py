"""The address of a photo (`s3://bucket/key`, `file:///path`), and which addresses the service may read."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Self
from urllib.parse import unquote

from raythumbs.errors import BadSource, SourceNotAllowed

# Amazon S3, "Bucket naming rules": lower case and 63 letters today; the oldest may have capitals, `_` and 255.
BUCKET_BYTES = 255
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # NUL, and halves of surrogate pairs, which are no characters
_BUCKET = re.compile(rf"[A-Za-z0-9._-]{{3,{BUCKET_BYTES}}}")
KEY_BYTES = 1024  # Amazon S3, "Naming objects": a key is at most 1,024 bytes of UTF-8
PATH_BYTES = 2048  # half of Linux's PATH_MAX: an index row of PostgreSQL holds at most 2,704 bytes


@dataclass(frozen=True, slots=True)
class Source:
    """An address. For a file, `bucket` is empty and `key` is the absolute path. Keys are never decoded."""

    scheme: str
    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Parse an address, or raise BadSource.

        The key is what follows `s3://bucket/`, unchanged. A file's address may have percent escapes (RFC 8089).
        """
        refuse_unstorable(uri)
        match uri.split("://", 1):
            case ["s3", rest]:
                bucket, _, key = rest.partition("/")
                if not bucket or not key:
                    raise BadSource(f"{uri!r} has no bucket or no key: write s3://bucket/key")
                if not _BUCKET.fullmatch(bucket) or ".." in bucket:
                    raise BadSource(
                        f"{bucket[:255]!r} is not a bucket's name: 3 to 255 of a-z, A-Z, 0-9, '.', '-', '_'"
                    )
                if len(key.encode()) > KEY_BYTES:
                    raise BadSource(f"the key has {len(key.encode())} bytes; a key has at most {KEY_BYTES}")
                return cls("s3", bucket, key)
            case ["file", path]:
                return cls("file", "", _absolute(unquote(path)))
            case _:
                raise BadSource(f"{uri!r} is neither s3://bucket/key nor file:///path")

    def __str__(self) -> str:
        """The canonical address, as in rows. `parse` reads it as the same source. Only `%` in a path is escaped."""
        return f"{self.scheme}://{self.bucket}/{self.key}" if self.bucket else f"{self.scheme}://{_escaped(self.key)}"


def is_folder_marker(key: str, size_bytes: int | None) -> bool:
    """Whether an object of S3 only stands for a folder: the S3 console and others make `folder/`, Hadoop
    `folder_$folder$`, each without a byte. MinIO's events tell no size of such an object."""
    return not size_bytes and key.endswith(("/", "_$folder$"))


def is_storable(text: str) -> bool:
    """Return whether a column or a file name can hold the text: it has no NUL and no half of a surrogate pair."""
    return not _UNSTORABLE.search(text)


def refuse_unstorable(text: str) -> None:
    """Raise BadSource for text that is not storable."""
    if not is_storable(text):
        raise BadSource(f"{text!a} has a character that cannot be stored")


def _absolute(path: str) -> str:
    refuse_unstorable(path)  # again, because the escapes are decoded now
    if not path.startswith("/") or ".." in PurePosixPath(path).parts:
        raise BadSource(f"{path!r} is not an absolute path without '..': write file:///folder/photo.jpg")
    if len(_escaped(path).encode()) > PATH_BYTES:
        raise BadSource(f"the path has {len(_escaped(path).encode())} bytes; a path has at most {PATH_BYTES}")
    return str(PurePosixPath("/" + path.lstrip("/")))  # one slash: PurePosixPath leaves two as they are


def _escaped(path: str) -> str:
    return path.replace("%", "%25")


@dataclass(frozen=True, slots=True)
class SourcePolicy:
    """Which sources may be read: those that start with a prefix of `allowed`, unless they start with one of `outputs`.

    Prefixes are compared as text, so folders and buckets end with a slash.
    """

    allowed: tuple[str, ...]
    outputs: tuple[str, ...]

    def is_output(self, source: Source) -> bool:
        """Return whether the service itself wrote this object. Making thumbnails of thumbnails would never end."""
        return str(source).startswith(self.outputs)

    def allows(self, source: Source) -> bool:
        """Return whether jobs may be made for this source."""
        return str(source).startswith(self.allowed) and not self.is_output(source)

    def check(self, source: Source) -> Source:
        """Return the source, or raise SourceNotAllowed with what to do about it."""
        if self.is_output(source):
            raise SourceNotAllowed(f"{source} is one of this service's own thumbnails")
        if not self.allows(source):
            raise SourceNotAllowed(f"{source} is outside of RAYTHUMBS_ALLOWED_SOURCES")
        return source
