"""Takes from a process its network, its capabilities, and every way to gain privileges.

Sources: namespaces(7), capabilities(7), linux/prctl.h, linux/sched.h, linux/capability.h.
"""

import ctypes
import struct

from raythumbs.imaging.confinement import kernel

_PR_SET_NO_NEW_PRIVS = 38
_NEW_USER, _NEW_IPC, _NEW_NETWORK = 0x1000_0000, 0x0800_0000, 0x4000_0000
_CAPABILITIES = struct.pack("=Ii", 0x2008_0522, 0)  # the third version of the structures; this process
_SETS = struct.Struct("=6I")  # effective, permitted, inheritable: the lower 32 of each, then the higher
_READS_FILES = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH: root may run a Python of another user


def gain_no_privileges() -> str:
    """Let no program that this process starts have more privileges than it."""
    kernel.prctl(_PR_SET_NO_NEW_PRIVS, 1)
    return "on"


def leave_the_network() -> str:
    """Move this process, which must have one thread, to a network without interfaces. Return how.

    It takes CAP_SYS_ADMIN, or a kernel that lets every user make a user namespace.
    """
    try:
        kernel.unshare(_NEW_NETWORK | _NEW_IPC)
    except PermissionError:
        kernel.unshare(_NEW_USER | _NEW_NETWORK | _NEW_IPC)
        return "user, network, ipc"
    return "network, ipc"


def drop_capabilities() -> str:
    """Drop every capability but those that read the files of Python. Files are fenced by Landlock and seccomp."""
    now = ctypes.create_string_buffer(_SETS.size)
    kernel.capget(_CAPABILITIES, now)
    _, permitted, *_ = _SETS.unpack(now.raw)
    kept = permitted & _READS_FILES
    kernel.capset(_CAPABILITIES, _SETS.pack(kept, kept, 0, 0, 0, 0))
    return "all dropped but those to read files" if kept else "all dropped"
