"""Checks this machine's decoder: what confines it, its limits, its libraries, and whether it renders each format."""

import resource
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from tempfile import TemporaryFile
from typing import Literal

import pillow_heif
from PIL import Image

from raythumbs.errors import NoSandbox, RaythumbsError
from raythumbs.imaging.codecs import Codec, Fault, codecs, faults_of
from raythumbs.imaging.confinement import Fence
from raythumbs.imaging.heif.libde265 import library
from raythumbs.imaging.limits import Limits
from raythumbs.imaging.native.library import loaded
from raythumbs.imaging.sandbox import Sandbox
from raythumbs.model.photo import RenditionSpec
from raythumbs.model.photo_format import PHOTO_FORMATS

ESSENTIAL = {
    "no_new_privs": "a program that it starts may have more privileges",
    "landlock": "it can read every file that the service's user can read",
    "seccomp": "it can use the network and start programs",
}
_LIMITS = {
    "data": resource.RLIMIT_DATA,
    "address space": resource.RLIMIT_AS,
    "open files": resource.RLIMIT_NOFILE,
    "file size": resource.RLIMIT_FSIZE,
    "core dump": resource.RLIMIT_CORE,
}
_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Trial:
    """A small picture of a format that was rendered: what went wrong, and the system calls that were refused."""

    format: str
    trouble: str
    refused: str


@dataclass(frozen=True, slots=True)
class Checkup:
    """What a decoder on this machine has. Limits are in bytes, and a number of files."""

    fences: tuple[Fence, ...]
    limits: dict[str, int]
    trials: tuple[Trial, ...]
    codecs: tuple[Codec, ...]
    jpeg_decoder: Literal["native", "pillow"]
    heic_decoder: Literal["libde265", "pillow-heif"]

    @property
    def faults(self) -> list[tuple[Codec, Fault]]:
        """The known faults of the libraries."""
        return [(codec, fault) for codec in self.codecs for fault in faults_of(codec)]

    @property
    def problems(self) -> list[str]:
        """What a person should mend, a sentence each."""
        missing = [one for one in self.fences if not one.given and one.name in ESSENTIAL]
        return [
            *(f"the decoder has no {one.name} ({one.detail}): {ESSENTIAL[one.name]}" for one in missing),
            *(f"{codec.name} {codec.version} has {fault.name}: use {fault.fixed_in} or newer ({fault.source})"
              for codec, fault in self.faults),
            *(f"a {one.format} is not rendered: {one.trouble}" for one in self.trials if one.trouble),
            *(f"while it rendered a {one.format}, the decoder was refused {one.refused}"
              for one in self.trials if one.refused),
        ]  # fmt: skip


def checkup(limits: Limits) -> Checkup:
    """Start a decoder as the service does, and look at it. Raises NoSandbox if it does not start."""
    with closing(Sandbox([RenditionSpec()], limits)) as sandbox:
        try:
            fences = sandbox.fences()
        except OSError as error:
            raise NoSandbox(f"the process that decodes does not start: {error}") from error
        pid = sandbox.start().process.pid
        given = {name: resource.prlimit(pid, limit)[0] for name, limit in _LIMITS.items()}
        jpeg_decoder: Literal["native", "pillow"] = "native" if limits.native and loaded() else "pillow"
        heic_decoder: Literal["libde265", "pillow-heif"] = "libde265" if limits.native and library() else "pillow-heif"
        return Checkup(fences, given, tuple(_trials(sandbox)), codecs(), jpeg_decoder, heic_decoder)


def _trials(sandbox: Sandbox) -> Iterator[Trial]:
    for written_as in (one.pillow_name for one in PHOTO_FORMATS):
        picture = _picture(written_as)
        if picture is not None:
            yield Trial(written_as, _trouble(sandbox, picture), sandbox.start().refused_calls)


def _picture(written_as: str) -> bytes | None:
    """Return a small picture, or None if the libraries of this machine cannot write the format."""
    picture, written = Image.new("RGB", (64, 48), "teal"), BytesIO()
    try:
        if written_as == "HEIF":
            pillow_heif.from_pillow(picture).save(written)
        else:
            picture.save(written, written_as)
    except (OSError, KeyError, RuntimeError):
        return None
    return written.getvalue()


def _trouble(sandbox: Sandbox, picture: bytes) -> str:
    with TemporaryFile() as file:
        file.write(picture)
        file.seek(0)
        try:
            sandbox.render(file, seconds=_SECONDS)
        except RaythumbsError as error:
            return error.reason
    return ""
