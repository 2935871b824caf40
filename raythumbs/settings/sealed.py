"""Sealed settings: settings without secrets, for Ray, and a file with the secrets, which only this user can read.

Ray's control store keeps the arguments of actors and replicas in its memory, and on a cluster on its disk. Ray's own
processes hand their environment down to every process that they start. So neither contains a secret. The secrets are in
a file in a private folder of this user, and our processes that need them read it.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from raythumbs.errors import BadSettings
from raythumbs.settings import Settings, load_settings

# The variables that a process needs to run at all. Credentials and unknown variables are left out: the processes that
# use them read them from the file.
_NEEDED = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|TERM|PWD|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|XDG_\w+|VIRTUAL_ENV|PYTHON\w*|LD_\w+|MALLOC_\w+"
    r"|OMP_\w+|SSL_CERT_(FILE|DIR)|COVERAGE_\w+|RAY_\w+|_?RAYTHUMBS_\w+"
)


@dataclass(frozen=True, slots=True)
class Sealed:
    """Settings without secrets, their identity, and the file with the secrets, if there is one."""

    settings: Settings
    identity: str
    secrets_file: Path | None

    def open(self) -> Settings:
        """Return the settings with their secrets, and add the service's environment to this process's.

        Raises BadSettings if the secrets are neither in the file nor in this process's environment.
        """
        settings = self.settings.with_secrets(restore_environment(self.secrets_file))
        if settings.identity == self.identity:
            return settings
        settings = self.settings.with_secrets(load_settings().secrets)
        if settings.identity == self.identity:
            return settings
        raise BadSettings(
            f"{self.secrets_file} is gone, and the secrets in this environment are not those of the deploy: "
            f"set {', '.join(Settings.secret_names())} on this node as for the deploy, or deploy again"
        )


def seal(settings: Settings, folder: Path, *, environment: Mapping[str, str]) -> Sealed:
    """Write the secrets and the environment to a file in the folder, and return the rest of the settings.

    The environment is for credentials that are not settings, such as AWS_SECRET_ACCESS_KEY. Settings that are secret
    are left out of it: the process that opens the file would hand them on.
    """
    credentials = {name: value for name, value in environment.items() if name not in _ours()}
    file = folder / f"{settings.identity}.json"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as written:
        json.dump({"settings": settings.secrets, "environment": credentials}, written)
    return Sealed(settings.without_secrets(), settings.identity, file)


def restore_environment(file: Path | None) -> dict[str, str]:
    """Add the file's variables that this process's environment lacks. Return the secrets of the settings."""
    if file is None:
        return {}
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return {}
    with os.fdopen(descriptor) as sealed:
        content = json.load(sealed)
    for name, value in content["environment"].items():
        os.environ.setdefault(name, value)
    secrets: dict[str, str] = content["settings"]
    return secrets


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the part of an environment that Ray's own processes get: what they need, and no credentials."""
    return {name: value for name, value in environment.items() if _NEEDED.fullmatch(name) and name not in _ours()}


def _ours() -> set[str]:
    return {*Settings.secret_names(), "RAYTHUMBS_API_KEY"}  # the latter is for commands that talk to a service
