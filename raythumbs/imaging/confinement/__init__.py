"""Confines a process that decodes strangers' bytes: it can only compute, and use the socket that it already has.

Each fence is the kernel's own and lasts until the process ends. A fence that a kernel or a container does not give is
left out, and the others are used: `Confined` says which these are.
"""

from collections.abc import Callable
from dataclasses import dataclass

from raythumbs.imaging.confinement.calls import NEW_LISTENER, fence_calls
from raythumbs.imaging.confinement.fence import Fence
from raythumbs.imaging.confinement.files import CREATE_RULESET, fence_files
from raythumbs.imaging.confinement.privileges import drop_capabilities, gain_no_privileges, leave_the_network

__all__ = ["Confined", "Fence", "confine"]


@dataclass(frozen=True, slots=True)
class Confined:
    """The fences of this process, and a descriptor for its parent.

    While the descriptor is open, a refused system call waits until the parent has named it (refusals.py). This process
    must close its own copy before it reads strangers' bytes, because the descriptor also allows calls.
    """

    fences: tuple[Fence, ...]
    listener: int | None


def confine(*, create_ruleset: int = CREATE_RULESET, new_listener: int = NEW_LISTENER) -> Confined:
    """Confine this process, which must have one thread, until it ends.

    It can read the files of Python and of libraries, and open no others. It can reach neither the network nor other
    processes, and it can make only the system calls that decoding needs.
    """
    before = (
        _fence("network namespace", leave_the_network),
        _fence("capabilities", drop_capabilities),
        _fence("no_new_privs", gain_no_privileges),
        _fence("landlock", lambda: fence_files(create_ruleset)),
    )
    try:
        listener = fence_calls(new_listener)
    except OSError as error:
        return Confined((*before, Fence("seccomp", given=False, detail=str(error.strerror))), None)
    named = "an allow-list; refused calls are " + ("named in the log" if listener is not None else "not named")
    return Confined((*before, Fence("seccomp", given=True, detail=named)), listener)


def _fence(name: str, set_up: Callable[[], str]) -> Fence:
    try:
        return Fence(name, given=True, detail=set_up())
    except OSError as error:
        return Fence(name, given=False, detail=str(error.strerror))
