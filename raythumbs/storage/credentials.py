"""Where boto3 may look for credentials."""

from pathlib import Path
from typing import Literal

import boto3
import botocore.session

InstanceCredentials = Literal["auto", "true", "false"]

_OF_THE_INSTANCE = "iam-role"  # botocore's name for its provider that asks 169.254.169.254
_MACHINE = Path("/sys")
# What tells a machine of EC2 without asking the network (Amazon's "Detect whether a host is an EC2 instance").
_SIGNS = (
    ("class/dmi/id/sys_vendor", "amazon ec2"),
    ("class/dmi/id/bios_vendor", "amazon ec2"),
    ("class/dmi/id/bios_version", "amazon"),
    ("hypervisor/uuid", "ec2"),
)


def session_with(instance_credentials: InstanceCredentials) -> boto3.Session:
    """Return a session with the credentials of the environment, a profile or a container's role; and with those of the
    machine's role only if that is wanted, or, by `auto`, where the machine is one of Amazon's.

    Anywhere else the address that gives them, 169.254.169.254, belongs to nobody: whoever answers there is believed.
    """
    session = botocore.session.get_session()
    if instance_credentials == "false" or (instance_credentials == "auto" and not is_of_amazon()):
        session.get_component("credential_provider").remove(_OF_THE_INSTANCE)
    return boto3.Session(botocore_session=session)


def is_of_amazon(machine: Path = _MACHINE) -> bool:
    """Return whether this machine says of itself, in sysfs, that it is one of EC2's."""
    return any(sign in _told(machine / file) for file, sign in _SIGNS)


def _told(file: Path) -> str:
    try:
        return file.read_text(errors="replace").lower()
    except OSError:  # another kind of machine, or hidden from a container
        return ""
