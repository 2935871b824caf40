"""Refuses a process every system call but those that decoding needs (seccomp(2)).

The list was made by watching (strace) Python, Pillow, numpy, pillow-heif, libaom, dav1d and the GNU C library while
they rendered every format. It also has what musl, other allocators and newer C libraries call in the same places. A
call that is missing here is refused as by a kernel that does not have it (ENOSYS): libraries know how to go on.

Where the kernel allows (Linux 5.0 or newer), a refused call waits for the parent process, which names it in the log and
refuses it: see refusals.py.

Sources: linux/seccomp.h, linux/filter.h, linux/audit.h, asm-generic/fcntl.h.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterator, Mapping

from raythumbs.imaging.confinement import kernel
from raythumbs.imaging.confinement.call_names import numbers

NEW_LISTENER = 1 << 3  # a flag of seccomp(2)

_ALLOWED = """
    read readv pread64 write writev lseek close fstat newfstatat statx stat lstat access faccessat faccessat2
    readlink readlinkat getdents64 getdents getcwd dup statfs fstatfs fadvise64
    recvmsg recvfrom sendto sendmsg shutdown getsockopt poll ppoll
    brk mmap munmap mremap mprotect madvise mbind mseal map_shadow_stack membarrier
    futex set_robust_list get_robust_list set_tid_address rseq sched_yield sched_getaffinity getcpu
    rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack restart_syscall exit exit_group
    clock_gettime clock_getres gettimeofday time nanosleep clock_nanosleep getrandom
    getpid gettid getppid getuid geteuid getgid getegid getrusage getrlimit times sysinfo uname arch_prctl
"""

_Step = tuple[int, int, int, int]  # of BPF: a code, two jumps, a value
_LOAD, _EQUAL, _HAS, _RETURN = 0x20, 0x15, 0x45, 0x06  # codes: load a word, two jumps, return
_CALL, _MACHINE, _ARGUMENTS = 0, 4, 16  # their offsets in struct seccomp_data; an argument has eight bytes
_ALLOW, _KILL, _ASK_PARENT = 0x7FFF_0000, 0x8000_0000, 0x7FC0_0000
_FORBIDDEN, _UNKNOWN = 0x0005_0000 | errno.EPERM, 0x0005_0000 | errno.ENOSYS
_MACHINES = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}  # AUDIT_ARCH_*

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | 0o20000000  # the last is __O_TMPFILE
_CLONE_THREAD = 0x0001_0000
_TCGETS, _FIOCLEX, _FIONCLEX = 0x5401, 0x5451, 0x5450
_F_DUPFD, _F_GETFD, _F_SETFD, _F_GETFL, _F_DUPFD_CLOEXEC = 0, 1, 2, 3, 1030
_PR_SET_NAME, _PR_GET_NAME, _PR_SET_VMA = 15, 16, 0x5356_4D41

_SET_MODE_FILTER = 1
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2


def fence_calls(new_listener: int = NEW_LISTENER) -> int | None:
    """Refuse this process the other system calls from now on. Return the descriptor that the parent needs to name them.

    Return None if the kernel has no such descriptor. Raises OSError if the kernel has no such fence.
    """
    machine = platform.machine()
    if machine not in _MACHINES:
        raise OSError(errno.ENOSYS, f"no list of system calls for {machine}")
    naming, plain = _Program(machine, _ASK_PARENT, _ASK_PARENT), _Program(machine, _FORBIDDEN, _UNKNOWN)
    try:
        return kernel.syscall(numbers(machine)["seccomp"], _SET_MODE_FILTER, new_listener, naming.pointer)
    except OSError:
        kernel.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, plain.pointer)
        return None


class _Program:
    """The filter as a program of BPF in memory. `pointer` is its struct sock_fprog, and is valid while this lives."""

    def __init__(self, machine: str, forbidden: int, unknown: int) -> None:
        steps = _steps(machine, forbidden, unknown)
        self._code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
        self.pointer = ctypes.create_string_buffer(struct.pack("HP", len(steps), ctypes.addressof(self._code)))


def _steps(machine: str, forbidden: int, unknown: int) -> list[_Step]:
    """Return the filter's steps. A call that may be made, but not with these arguments, is forbidden."""
    known = numbers(machine)
    steps: list[_Step] = [
        (_LOAD, 0, 0, _MACHINE),
        (_EQUAL, 1, 0, _MACHINES[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _CALL),
    ]
    for name in _ALLOWED.split():
        if name in known:
            steps += [(_EQUAL, 0, 1, known[name]), (_RETURN, 0, 0, _ALLOW)]
    for name, conditions in _guarded().items():
        if name in known:
            body = [*conditions, (_RETURN, 0, 0, forbidden)]
            steps += [(_EQUAL, 0, len(body), known[name]), *body]
    return [*steps, (_RETURN, 0, 0, unknown)]


def _guarded() -> Mapping[str, tuple[_Step, ...]]:
    """Return the calls that may be made with some arguments only."""
    return {
        # Its flags cannot be seen here. The C library then calls the older `clone`, which may make threads alone.
        "clone3": ((_RETURN, 0, 0, _UNKNOWN),),
        "clone": tuple(_with_bits(0, _CLONE_THREAD)),
        "open": tuple(_without_bits(1, _WRITES)),
        "openat": tuple(_without_bits(2, _WRITES)),
        "ioctl": tuple(_one_of(1, _TCGETS, _FIOCLEX, _FIONCLEX)),  # Python asks each file whether it is a terminal
        # Not F_SETOWN, by which the kernel sends signals to others.
        "fcntl": tuple(_one_of(1, _F_DUPFD, _F_GETFD, _F_SETFD, _F_GETFL, _F_DUPFD_CLOEXEC)),
        "prctl": tuple(_one_of(0, _PR_SET_NAME, _PR_GET_NAME, _PR_SET_VMA)),  # names of threads and of memory
        "prlimit64": tuple(_one_of(0, 0)),  # of this process
        "tgkill": tuple(_one_of(0, os.getpid())),  # abort(3)
    }


def is_guarded(name: str) -> bool:
    """Return whether a call may be made with other arguments."""
    return name in _guarded()


def _one_of(argument: int, *values: int) -> Iterator[_Step]:
    yield _load(argument)
    for value in values:
        yield _EQUAL, 0, 1, value & 0xFFFF_FFFF
        yield _RETURN, 0, 0, _ALLOW


def _with_bits(argument: int, bits: int) -> Iterator[_Step]:
    yield _load(argument)
    yield _HAS, 0, 1, bits
    yield _RETURN, 0, 0, _ALLOW


def _without_bits(argument: int, bits: int) -> Iterator[_Step]:
    yield _load(argument)
    yield _HAS, 1, 0, bits
    yield _RETURN, 0, 0, _ALLOW


def _load(argument: int) -> _Step:
    """Load the lower half of an argument. The kernel takes each of these arguments as 32 bits."""
    return _LOAD, 0, 0, _ARGUMENTS + 8 * argument
