"""Settings without their secrets, which Ray may keep; and the file with the secrets, which only this user can read.

What an actor or a replica is started with lies in the memory of Ray's control store, and on a cluster on its disk. What
Ray's processes are started with, all that they start inherits. So neither has a secret: they are in a file in a folder
of this user alone, and those of our processes that use them read it.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from raythumbs.errors import BadSettings
from raythumbs.settings import Settings, load_settings

# What a process needs to run at all. Credentials are not among it, nor what is not known: those reach the processes
# that use them in another way.
_NEEDED = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|TERM|PWD|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|XDG_\w+|VIRTUAL_ENV|PYTHON\w*|LD_\w+|MALLOC_\w+"
    r"|OMP_\w+|SSL_CERT_(FILE|DIR)|COVERAGE_\w+|RAY_\w+|_?RAYTHUMBS_\w+"
)


@dataclass(frozen=True, slots=True)
class Sealed:
    """Settings without secrets, their identity, and where the secrets are, if there are any."""

    settings: Settings
    identity: str
    secrets_file: Path | None

    def open(self) -> Settings:
        """Return the settings with their secrets, and give this process the environment that the service was started
        with. Raises BadSettings if the secrets are neither in the file nor in this process's environment."""
        told = restore_environment(self.secrets_file)
        settings = self.settings.with_secrets(told)
        if settings.identity == self.identity:
            return settings
        settings = self.settings.with_secrets(load_settings().secrets)
        if settings.identity == self.identity:
            return settings
        raise BadSettings(
            f"{self.secrets_file} is gone, and the environment has other secrets: "
            f"set {', '.join(Settings.secret_names())} on this node as for the deploy, or deploy again"
        )


def seal(settings: Settings, folder: Path, *, environment: Mapping[str, str]) -> Sealed:
    """Write the secrets and the environment to a file in the folder, and return the rest of the settings.

    The environment is for credentials that are no settings of ours, such as AWS_SECRET_ACCESS_KEY.
    """
    file = folder / f"{settings.identity}.json"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as written:
        json.dump({"settings": settings.secrets, "environment": dict(environment)}, written)
    return Sealed(settings.without_secrets(), settings.identity, file)


def restore_environment(file: Path | None) -> dict[str, str]:
    """Add to this process's environment what is in the file and missing here; return the settings' secrets."""
    if file is None or not file.exists():
        return {}
    told = json.loads(file.read_text())
    for name, value in told["environment"].items():
        os.environ.setdefault(name, value)
    secrets: dict[str, str] = told["settings"]
    return secrets


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what of an environment Ray's own processes are to have: what they need, and no credentials."""
    ours = set(Settings.secret_names())
    return {name: value for name, value in environment.items() if _NEEDED.fullmatch(name) and name not in ours}
