"""Decides where boto3 looks for credentials."""

from pathlib import Path
from typing import Literal

import boto3
import botocore.session

InstanceCredentials = Literal["auto", "true", "false"]

_OF_THE_INSTANCE = "iam-role"  # botocore's name for its provider that asks 169.254.169.254
_MACHINE = Path("/sys")
# Signs of an EC2 machine that need no network (Amazon, "Detect whether a host is an EC2 instance").
_SIGNS = (
    ("class/dmi/id/sys_vendor", "amazon ec2"),
    ("class/dmi/id/bios_vendor", "amazon ec2"),
    ("class/dmi/id/bios_version", "amazon"),
    ("hypervisor/uuid", "ec2"),
)


def session_with(instance_credentials: InstanceCredentials) -> boto3.Session:
    """Return a session with the credentials of the environment, a profile or a container's role.

    The machine's own role is used only with `true`, or with `auto` on a machine of Amazon's. Its credentials come from
    169.254.169.254. On other networks any machine could answer at that address, and would be trusted.
    """
    session = botocore.session.get_session()
    if instance_credentials == "false" or (instance_credentials == "auto" and not is_of_amazon()):
        session.get_component("credential_provider").remove(_OF_THE_INSTANCE)
    return boto3.Session(botocore_session=session)


def is_of_amazon(machine: Path = _MACHINE) -> bool:
    """Return whether sysfs says that this is an EC2 machine."""
    return any(sign in _lower_text(machine / file) for file, sign in _SIGNS)


def _lower_text(file: Path) -> str:
    try:
        return file.read_text(errors="replace").lower()
    except OSError:  # on another kind of machine, or hidden from a container
        return ""
