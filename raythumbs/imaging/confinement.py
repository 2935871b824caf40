"""Confines a process that decodes strangers' bytes: it can only compute, and use the socket that it already has.

Linux has two fences that need no privileges: seccomp(2) refuses system calls, and landlock(7) refuses files. If a
machine lacks one of them (Landlock came with Linux 5.13), the other is still used. Both last until the process ends.

Sources: linux/seccomp.h, linux/landlock.h, linux/filter.h. The numbers of system calls are from Linux's
arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
"""

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_LOAD, _EQUAL, _AT_LEAST, _HAS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # codes of BPF: load a word, three jumps, return
_ALLOWED, _REFUSED, _UNKNOWN, _KILLED = 0x7FFF_0000, 0x0005_0001, 0x0005_0026, 0x8000_0000  # EPERM, ENOSYS
_CALL, _MACHINE, _FIRST_ARGUMENT = 0, 4, 16  # their offsets in struct seccomp_data
_OTHER_ABI = 0x4000_0000  # the bit of x32's system calls, which have other numbers

_MACHINES = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}  # AUDIT_ARCH_*
_CLONE, _CLONE3, _CLONE_THREAD = {"x86_64": 56, "aarch64": 220}, 435, 0x0001_0000
_REFUSED_CALLS = {  # for the network, other programs, other processes, and the kernel's rarer parts
    "x86_64": {
        "socket": 41, "connect": 42, "accept": 43, "bind": 49, "listen": 50, "accept4": 288, "io_uring_setup": 425,
        "execve": 59, "execveat": 322, "fork": 57, "vfork": 58, "kill": 62, "pidfd_send_signal": 424,
        "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "pidfd_open": 434, "pidfd_getfd": 438,
        "kcmp": 312, "open_by_handle_at": 304, "mount": 165, "unshare": 272, "setns": 308, "bpf": 321,
        "perf_event_open": 298, "userfaultfd": 323, "add_key": 248, "request_key": 249, "keyctl": 250,
    },
    "aarch64": {
        "socket": 198, "connect": 203, "accept": 202, "bind": 200, "listen": 201, "accept4": 242,
        "io_uring_setup": 425, "execve": 221, "execveat": 281, "kill": 129, "pidfd_send_signal": 424,
        "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "pidfd_open": 434, "pidfd_getfd": 438,
        "kcmp": 272, "open_by_handle_at": 265, "mount": 40, "unshare": 97, "setns": 268, "bpf": 280,
        "perf_event_open": 241, "userfaultfd": 282, "add_key": 217, "request_key": 218, "keyctl": 219,
    },
}  # fmt: skip

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # of Landlock; the same on every machine
_VERSION, _PATH_BENEATH = 1, 1
_RIGHTS = (0, 13, 14, 15, 15, 16)  # the number of rights in each version of Landlock; they are the lowest bits
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_PACKAGE = Path(__file__).parents[1]
_LIBRARIES = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache")

_libc = ctypes.CDLL(None, use_errno=True)


def confine(*, create_ruleset: int = _CREATE_RULESET) -> None:
    """Confine this process, which must have one thread, until it ends.

    It can read the files of Python and of libraries, and open no others. It can reach neither the network nor other
    processes.
    """
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    with suppress(OSError):
        _fence_files({*_LIBRARIES, sys.prefix, sys.base_prefix, *sys.path, str(_PACKAGE)}, create_ruleset)
    with suppress(OSError):
        _fence_calls()


def _fence_calls() -> None:
    machine = platform.machine()
    if machine not in _MACHINES:
        return
    refused = sorted(_REFUSED_CALLS[machine].values())
    to_refusal = range(len(refused), -1, -1)  # how far each jump leads: over the jumps after it and one return
    program = [
        (_LOAD, 0, 0, _MACHINE),
        (_EQUAL, 1, 0, _MACHINES[machine]),
        (_RETURN, 0, 0, _KILLED),
        (_LOAD, 0, 0, _CALL),
        (_EQUAL, 0, 1, _CLONE3),  # its flags cannot be seen here; the C library then makes the older call,
        (_RETURN, 0, 0, _UNKNOWN),
        (_EQUAL, 0, 4, _CLONE[machine]),  # which may make threads, but no processes
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_HAS, 0, 1, _CLONE_THREAD),
        (_RETURN, 0, 0, _ALLOWED),
        (_RETURN, 0, 0, _REFUSED),
        (_AT_LEAST, to_refusal[0] + 1, 0, _OTHER_ABI),
        *((_EQUAL, jump, 0, call) for jump, call in zip(to_refusal, refused, strict=False)),
        (_RETURN, 0, 0, _ALLOWED),
        (_RETURN, 0, 0, _REFUSED),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    _checked(
        _libc.prctl(
            _PR_SET_SECCOMP,
            _SECCOMP_MODE_FILTER,
            ctypes.create_string_buffer(struct.pack("HP", len(program), ctypes.addressof(code))),
        )
    )


def _fence_files(readable: Iterable[str], create_ruleset: int) -> None:
    version = _checked(_libc.syscall(create_ruleset, None, 0, _VERSION))
    every_right = (1 << _RIGHTS[min(version, len(_RIGHTS) - 1)]) - 1
    ruleset = _checked(_libc.syscall(create_ruleset, struct.pack("Q", every_right), 8, 0))
    try:
        for path in map(Path, readable):
            _let_read(ruleset, path)
        _checked(_libc.syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def _let_read(ruleset: int, path: Path) -> None:
    with suppress(OSError):  # a file that cannot be opened now is not needed later
        opened = os.open(path, os.O_PATH)
        try:
            rights = _READ_FILE | (_READ_DIR if path.is_dir() else 0)
            _checked(_libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, opened), 0))
        finally:
            os.close(opened)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
