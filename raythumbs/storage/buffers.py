"""Reusable memory with a descriptor (memfd_create(2)). New pages for 5 MB cost as much CPU as receiving them."""

import os
from collections import deque
from io import FileIO
from mmap import mmap
from threading import Lock

_KEPT_BYTES = 16 * 1024 * 1024  # of unused buffers; more while more are in use, because photos come in groups
_LEAST_BYTES = 512 * 1024  # each buffer counts for at least this, because it also needs a descriptor


class Buffer:
    """A buffer that is filled through `view` and then read as a file."""

    def __init__(self, size_bytes: int) -> None:
        self.descriptor = os.memfd_create("photo", os.MFD_CLOEXEC)
        os.ftruncate(self.descriptor, size_bytes)
        self._map = mmap(self.descriptor, size_bytes)

    @property
    def weight(self) -> int:
        """The bytes that it counts for among the kept buffers."""
        return max(len(self._map), _LEAST_BYTES)

    def resize(self, size_bytes: int) -> None:
        """Change the size. The content is then undefined."""
        self._map.resize(size_bytes)

    def view(self) -> memoryview:
        """Return the bytes. Release the view before you change the size."""
        return memoryview(self._map)

    def close(self) -> None:
        """Free the memory."""
        self._map.close()
        os.close(self.descriptor)


class BufferFile(FileIO):
    """A filled buffer as a file, at its beginning. Closing it frees the buffer for another photo."""

    def __init__(self, buffers: "Buffers", buffer: Buffer) -> None:
        os.lseek(buffer.descriptor, 0, os.SEEK_SET)
        super().__init__(buffer.descriptor, "rb", closefd=False)
        self._buffers = buffers
        self._buffer = buffer

    def close(self) -> None:
        """Close the file, and give the buffer back."""
        if not self.closed:
            super().close()
            self._buffers.give_back(self._buffer)


class Buffers:
    """The buffers of a process. Threads may share them."""

    def __init__(self) -> None:
        self._free: deque[Buffer] = deque()
        self._free_bytes = 0
        self._used_bytes = 0
        self._counting = Lock()

    def take(self, size_bytes: int) -> Buffer:
        """Return a buffer of this size (at least one byte) with undefined content."""
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
        """Keep an unused buffer. Close the buffers that were unused for longest, if there are more than enough."""
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
