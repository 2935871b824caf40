"""Memory that has a descriptor (memfd_create(2)), used again: new pages for 5 MB cost as much CPU as receiving them."""

import os
from collections import deque
from io import FileIO
from mmap import mmap
from threading import Lock

_KEPT_BYTES = 16 * 1024 * 1024  # that nobody uses, or as many as are in use: photos come and go by the handful
_LEAST_BYTES = 512 * 1024  # that each counts for: they cost descriptors too


class Buffer:
    """So many bytes, to be filled through `view`, and then read as a file."""

    def __init__(self, size_bytes: int) -> None:
        self.descriptor = os.memfd_create("photo", os.MFD_CLOEXEC)
        os.ftruncate(self.descriptor, size_bytes)
        self._map = mmap(self.descriptor, size_bytes)

    @property
    def weight(self) -> int:
        """What it counts for among those that are kept."""
        return max(len(self._map), _LEAST_BYTES)

    def resize(self, size_bytes: int) -> None:
        """Have another size; what was in it is of no use."""
        self._map.resize(size_bytes)

    def view(self) -> memoryview:
        """Return the bytes; the view must be released before the size changes."""
        return memoryview(self._map)

    def close(self) -> None:
        """Give the memory back."""
        self._map.close()
        os.close(self.descriptor)


class BufferFile(FileIO):
    """A filled buffer as a file at its beginning; when closed, the buffer is used for another photo."""

    def __init__(self, buffers: "Buffers", buffer: Buffer) -> None:
        os.lseek(buffer.descriptor, 0, os.SEEK_SET)
        super().__init__(buffer.descriptor, "rb", closefd=False)
        self._buffers = buffers
        self._buffer = buffer

    def close(self) -> None:
        """Let go of the buffer."""
        if not self.closed:
            super().close()
            self._buffers.give_back(self._buffer)


class Buffers:
    """What a process has of them. Threads may share it."""

    def __init__(self) -> None:
        self._free: deque[Buffer] = deque()
        self._free_bytes = 0
        self._used_bytes = 0
        self._counting = Lock()

    def take(self, size_bytes: int) -> Buffer:
        """Return a buffer of this size (at least one byte), with anything in it."""
        with self._counting:
            buffer = self._free.pop() if self._free else None
            self._free_bytes -= buffer.weight if buffer else 0
        if buffer is None:
            buffer = Buffer(size_bytes)
        else:
            buffer.resize(size_bytes)
        with self._counting:
            self._used_bytes += buffer.weight
        return buffer

    def give_back(self, buffer: Buffer) -> None:
        """Keep a buffer that nobody uses any more; let those go, the longest unused first, of which there is plenty."""
        with self._counting:
            self._used_bytes -= buffer.weight
            self._free.append(buffer)
            self._free_bytes += buffer.weight
            needless = []
            while self._free_bytes > max(_KEPT_BYTES, self._used_bytes):
                needless.append(self._free.popleft())
                self._free_bytes -= needless[-1].weight
        for one in needless:
            one.close()
