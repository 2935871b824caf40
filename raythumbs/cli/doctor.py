"""`raythumbs doctor`: what this machine gives the service, and what a person should mend.

It imports the decoder and psutil inside its functions, because both are slow to import.
"""

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import typer

from raythumbs.cli.options import AsJson
from raythumbs.cli.output import complaints, print_line
from raythumbs.errors import RaythumbsError

if TYPE_CHECKING:
    from raythumbs.cluster.doctor import OpenPort
    from raythumbs.imaging.checkup import Checkup


_JPEG_DECODERS = {
    "native": "raythumbs' own decoders in C; Pillow those that they leave",
    "pillow": "Pillow, which takes about twice as long: the decoders in C were not compiled, or RAYTHUMBS_NATIVE=false",
}

_HEIC_DECODERS = {
    "libde265": "libde265, tile by tile at a smaller size; pillow-heif what phones' cameras do not write",
    "pillow-heif": "pillow-heif, which takes about twice as long: it has no libde265, or RAYTHUMBS_NATIVE=false",
}


def doctor(*, as_json: AsJson = False) -> None:
    """Show what confines the decoder, the versions of its libraries, and open ports. Exit status 1: mend something."""
    found = _look()
    if as_json:
        print_line(json.dumps(found.as_dict()))
    else:
        found.show()
    if found.problems:
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Found:
    decoder: "Checkup | None"
    ports: "list[OpenPort]"
    problems: list[str]

    def as_dict(self) -> dict[str, object]:
        """Return all of it in the form of the JSON."""
        decoder = self.decoder
        return {
            "fences": [asdict(one) for one in decoder.fences] if decoder else [],
            "limits": decoder.limits if decoder else {},
            "formats": [asdict(one) for one in decoder.trials] if decoder else [],
            "codecs": [asdict(one) for one in decoder.codecs] if decoder else [],
            "jpegDecoder": decoder.jpeg_decoder if decoder else None,
            "heicDecoder": decoder.heic_decoder if decoder else None,
            "faults": [asdict(codec) | {"fault": asdict(one)} for codec, one in decoder.faults] if decoder else [],
            "ports": [asdict(port) | {"openTo": port.open_to} for port in self.ports],
            "problems": self.problems,
        }

    def show(self) -> None:
        """Print all of it for people."""
        if self.decoder:
            _show_decoder(self.decoder)
        print_line("ports")
        for port in self.ports:
            print_line(f"  {port.where:24} open to {port.open_to:37} {port.process} ({port.pid})")
        if not self.ports:
            print_line("  no process of raythumbs or Ray listens on a port")
        for problem in self.problems:
            print_line(f"problem: {problem}", to=complaints)


def _look() -> _Found:
    from raythumbs.cluster.doctor import open_ports  # only this command looks at processes
    from raythumbs.cluster.ray_ports import open_rays
    from raythumbs.imaging.checkup import checkup
    from raythumbs.imaging.limits import Limits
    from raythumbs.settings import load_settings
    from raythumbs.settings.floors import refuse_old_packages

    decoder, problems = None, []
    try:
        refuse_old_packages()
        decoder = checkup(Limits(native=load_settings().native))
        problems += decoder.problems
    except RaythumbsError as error:
        problems.append(error.reason)
    ports = open_ports()
    if open_ray := open_rays(ports):
        problems.append(open_ray)
    return _Found(decoder, ports, problems)


def _show_decoder(decoder: "Checkup") -> None:
    print_line("what confines the decoder")
    for fence in decoder.fences:
        print_line(f"  {fence.name:20} {'yes' if fence.given else 'NO ':4} {fence.detail}")
    print_line("its limits")
    for name, most in decoder.limits.items():
        print_line(f"  {name:20} {most:,}")
    rendered = [one.format for one in decoder.trials if not one.trouble]
    print_line("formats that it renders")
    print_line(f"  {' '.join(rendered)}")
    print_line("what decodes JPEGs and PNGs for thumbnails")
    print_line(f"  {_JPEG_DECODERS[decoder.jpeg_decoder]}")
    print_line("what decodes HEICs for thumbnails")
    print_line(f"  {_HEIC_DECODERS[decoder.heic_decoder]}")
    print_line("its libraries")
    for codec in decoder.codecs:
        print_line(f"  {codec.name:20} {codec.version:20} from {codec.package}")
