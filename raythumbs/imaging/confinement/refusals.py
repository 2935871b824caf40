"""Refusals: the parent's side of a child that may make few system calls (seccomp_unotify(2)).

A call that is not on the child's list waits until the parent has taken note of it and refused it. So the log names the
call, and no photo fails for a reason that nobody sees.

Source: linux/seccomp.h.
"""

import errno
import fcntl
import os
import select
import struct
import time
from contextlib import suppress

from raythumbs.events import emit_warning
from raythumbs.imaging.confinement.call_names import name_of
from raythumbs.imaging.confinement.calls import is_guarded

_RECEIVE, _SEND = 0xC050_2100, 0xC018_2101  # SECCOMP_IOCTL_NOTIF_RECV, SECCOMP_IOCTL_NOTIF_SEND
_ASKED = struct.Struct("=QIIi60x")  # struct seccomp_notif: an id, the thread, flags, the number of the call, the rest
_REFUSED = struct.Struct("=QqiI")  # struct seccomp_notif_resp: the id, a value, the error, flags

_told: set[str] = set()  # the calls that this process has named in the log


class Refusals:
    """Refuses the child's calls while it waits for the child's answer."""

    def __init__(self, listener: int) -> None:
        os.set_inheritable(listener, False)  # noqa: FBT003 the descriptor came over a socket
        self._listener = listener
        self.names: list[str] = []  # of the calls that were refused since the last answer

    def close(self) -> None:
        """From now on the kernel refuses the child's calls itself."""
        os.close(self._listener)

    def wait_until_readable(self, line: int, until: float) -> None:
        """Return once the line (a descriptor) can be read, or was closed. Raise TimeoutError at a monotonic time."""
        self.names = []
        poll = select.poll()
        poll.register(line, select.POLLIN)
        poll.register(self._listener, select.POLLIN)
        while True:
            ready = dict(poll.poll(max(1, (until - time.monotonic()) * 1000)))
            if line in ready:
                return
            if time.monotonic() >= until:
                raise TimeoutError
            if ready.get(self._listener, 0) & select.POLLIN:
                self._refuse()
            elif ready:  # the child ends: the line will say so
                poll.unregister(self._listener)

    def _refuse(self) -> None:
        with suppress(FileNotFoundError):  # the child has ended meanwhile
            asked = bytearray(_ASKED.size)
            fcntl.ioctl(self._listener, _RECEIVE, asked)
            number, _, _, call = _ASKED.unpack(asked)
            name = name_of(call)
            self._note(name)
            error = errno.EPERM if is_guarded(name) else errno.ENOSYS
            fcntl.ioctl(self._listener, _SEND, _REFUSED.pack(number, 0, -error, 0))

    def _note(self, name: str) -> None:
        if name not in self.names:
            self.names.append(name)
        if name not in _told:
            _told.add(name)
            emit_warning("decoder.call_refused", call=name)
