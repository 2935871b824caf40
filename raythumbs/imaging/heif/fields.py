"""Reads the fields of a box, one after the other."""

import struct


class Fields:
    """The bytes of a box and the place of the next field. Raises struct.error if a field lies behind the bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        """Return whether another field follows."""
        return self._at < len(self._data)

    def bytes(self, size: int) -> bytes:
        """Return the next bytes."""
        field = self._data[self._at : self._at + size]
        if len(field) < size:
            raise struct.error("the box ends before its fields do")
        self._at += size
        return field

    def number(self, size: int) -> int:
        """Return the next unsigned number, which takes so many bytes."""
        return int.from_bytes(self.bytes(size), "big")

    def version(self) -> tuple[int, int]:
        """Return the version and the flags of a FullBox (ISOBMFF, 4.2)."""
        return self.number(1), self.number(3)
