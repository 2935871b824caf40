"""The libraries that read strangers' bytes: their versions, and which of these have a known fault.

Each is part of Pillow's, pillow-heif's or Python's package, or is the system's own if a distribution built these.
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata

import pillow_heif
from PIL import __version__ as pillow_version
from PIL import features

from raythumbs.events import emit_warning
from raythumbs.imaging.lanczos import HAS_FAST
from raythumbs.imaging.png.unpacking import HAS_FAST as HAS_ISAL

_PILLOWS = {  # by the name under which Pillow knows it
    "libjpeg_turbo": "libjpeg-turbo",
    "zlib_ng": "zlib-ng",
    "webp": "libwebp",
    "avif": "libavif",
    "libtiff": "libtiff",
    "littlecms2": "Little CMS",
}


@dataclass(frozen=True, slots=True)
class Codec:
    """A library, its version, and the package that has it."""

    name: str
    version: str
    package: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that a picture can use, in versions of a library below one; `source` tells who says so."""

    name: str
    library: str
    fixed_in: str
    source: str


KNOWN_FAULTS = (
    Fault("CVE-2026-112403, CVE-2026-96639 and others", "Pillow", "13.0", "Pillow's release notes for 13.0.0"),
    Fault("CVE-2026-28231", "pillow-heif", "1.3", "pillow-heif's advisory"),
    Fault("CVE-2023-4863", "libwebp", "1.3.2", "Pillow's release notes for 10.0.1"),
    Fault("CVE-2026-32740, CVE-2026-32741", "libheif", "1.22", "libheif's release notes for 1.22.0"),
    Fault("CVE-2026-33165", "libde265", "1.0.17", "GHSA-653q-9f73-8hvg of strukturag/libde265"),
    Fault("CVE-2024-1580", "dav1d", "1.4", "project-zero.issues.chromium.org/issues/42451651"),
    Fault("CVE-2025-48174", "libavif", "1.3", "AOMediaCodec/libavif, release 1.3.0"),
    Fault("CVE-2023-52356, CVE-2024-7006", "libtiff", "4.7", "libtiff's release notes for 4.7.0"),
)


def codecs() -> tuple[Codec, ...]:
    """Return every library that a photo's bytes can reach, with its version."""
    return (
        Codec("Pillow", pillow_version, "pillow"),
        *_of_pillow(),
        *_of_avif(),
        Codec("pillow-heif", pillow_heif.__version__, "pillow-heif"),
        *_of_pillow_heif(),
        Codec("zlib", zlib.ZLIB_RUNTIME_VERSION, "Python"),
        *_of_unpacking(),
        *_of_lanczos(),
    )


def faults_of(codec: Codec) -> tuple[Fault, ...]:
    """Return the known faults that this version of a library has."""
    version = as_numbers(codec.version)
    return tuple(one for one in KNOWN_FAULTS if one.library == codec.name and version < as_numbers(one.fixed_in))


def tell_known_faults(found: Sequence[Codec]) -> None:
    """Write a line in the log for each known fault of these libraries."""
    for codec in found:
        for fault in faults_of(codec):
            emit_warning(
                "decoder.known_fault",
                library=codec.name,
                version=codec.version,
                fault=fault.name,
                fixed_in=fault.fixed_in,
                source=fault.source,
            )


def as_numbers(version: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with: (1, 5, 3) of "1.5.3-0-gb546257". Zeros at the end do not count."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(part) for part in found[0].split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _of_lanczos() -> Iterator[Codec]:
    """Yield the library that resamples, where it is not Pillow."""
    if HAS_FAST:
        yield Codec("cykooz-resizer", metadata.version("cykooz-resizer"), "cykooz-resizer")


def _of_unpacking() -> Iterator[Codec]:
    """Yield the library that unpacks PNGs, where it is not zlib."""
    if HAS_ISAL:
        yield Codec("isal", metadata.version("isal"), "isal")


def _of_pillow() -> Iterator[Codec]:
    for known_as, name in _PILLOWS.items():
        version = features.version(known_as)
        if version:
            yield Codec(name, version, "pillow")


def _of_avif() -> Iterator[Codec]:
    """Yield the decoder and the encoder behind libavif: "dav1d [dec]:1.5.3-0-gb546257, aom [enc]:3.14.1"."""
    if features.check("avif"):
        from PIL import _avif  # Pillow may be built without it

        for name, version in re.findall(r"(\w+) \[[^]]*\]:v?([^,\s]+)", _avif.codec_versions()):
            yield Codec(name, version, "pillow")


def _of_pillow_heif() -> Iterator[Codec]:
    info = pillow_heif.libheif_info()
    yield Codec("libheif", info["libheif"], "pillow-heif")
    for name, told in info["decoders"].items():
        found = re.search(r"\d+(?:\.\d+)+", told)
        if found:
            yield Codec(name, found[0], "pillow-heif")
