"""Finds environment variables that look like settings but are not, so that typing errors are noticed."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

_PREFIX = "RAYTHUMBS_"
_NOT_SETTINGS = re.compile(r"RAYTHUMBS_(URL|API_KEY|NOTEBOOK_\w+)")  # for the commands of the client; for the notebook
# Kubernetes gives every pod variables about the services in its namespace, and a service may be called raythumbs (see
# "Environment variables" in its documentation of services):
# RAYTHUMBS_SERVICE_HOST, RAYTHUMBS_HEAD_SVC_PORT_8265_TCP_ADDR, ...
_OF_KUBERNETES = re.compile(r"RAYTHUMBS_(\w+_)?(SERVICE_(HOST|PORT\w*)|PORT_\d+_(TCP|UDP|SCTP)\w*)")
_KUBERNETES_ADDRESS = re.compile(r"(tcp|udp|sctp)://")
_ALIKE = 0.6


def unknown_names(environment: Mapping[str, str], known: Iterable[str]) -> list[str]:
    """Return a message for each variable with the prefix of settings that is not a setting, sorted by name."""
    names = {name.upper(): name for name in known}
    return [
        _message(name, list(names.values()))
        for name, value in sorted(environment.items())
        if name.upper().startswith(_PREFIX) and name.upper() not in names and not _is_foreign(name, value)
    ]


def _is_foreign(name: str, value: str) -> bool:
    if _NOT_SETTINGS.fullmatch(name) or _OF_KUBERNETES.fullmatch(name):
        return True
    return name.endswith("_PORT") and _KUBERNETES_ADDRESS.match(value) is not None


def _message(name: str, known: list[str]) -> str:
    by_end = {one.removeprefix(_PREFIX): one for one in known}  # all begin with the prefix
    nearest = get_close_matches(name.upper().removeprefix(_PREFIX), by_end, n=1, cutoff=_ALIKE)
    return f"{name} is no setting" + (f": is it {by_end[nearest[0]]}?" if nearest else "")
