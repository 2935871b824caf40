"""Asks the kernel through the C library. Raises OSError where the kernel refuses."""

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, *arguments: object) -> None:
    """Make the call prctl(2). Arguments that are missing are zero."""
    given = (*arguments, 0, 0, 0, 0)[:4]
    checked(_libc.prctl(option, *given))


def syscall(number: int, *arguments: object) -> int:
    """Make a system call by its number; return its result."""
    return checked(_libc.syscall(number, *arguments))


def unshare(namespaces: int) -> None:
    """Make the call unshare(2)."""
    checked(_libc.unshare(namespaces))


def capget(header: bytes, sets: ctypes.Array[ctypes.c_char]) -> None:
    """Make the call capget(2)."""
    checked(_libc.capget(header, sets))


def capset(header: bytes, sets: bytes) -> None:
    """Make the call capset(2)."""
    checked(_libc.capset(header, sets))


def checked(result: int) -> int:
    """Return the result of a call, or raise the error that the C library has noted."""
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
