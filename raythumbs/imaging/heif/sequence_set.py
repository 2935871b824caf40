"""Reads from an item's property hvcC what its decoder will make: the parameter sets, and the size that these announce.

Sources: ISO/IEC 14496-15, 8.3.3.1.2; ITU-T H.265, 7.3.2.2.1 and 7.3.3.
"""

import struct
from dataclasses import dataclass

from raythumbs.imaging.heif.fields import Fields

_BEFORE_SETS = 22  # bytes
_SEQUENCE_SET = 33  # a unit's kind (H.265, table 7-1)
_KINDS = {32, _SEQUENCE_SET, 34, 39, 40}  # sets of parameters, and messages
_HEADER_BYTES = 2
_ESCAPED, _PLAIN = b"\0\0\3", b"\0\0"  # 7.4.2
_PROFILE_BITS = 88 + 8  # 7.3.3, of a stream without layers
_MOST_BITS = 32


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """The units that a decoder needs before an item's data, and the size in samples of the picture that they announce.

    The size is that before the picture's own cropping: up to a block larger than the item.
    """

    units: tuple[bytes, ...]
    size: tuple[int, int]


def parameter_sets(configuration: bytes) -> ParameterSets:
    """Return the parameter sets in an item's property hvcC. Raises struct.error if it is broken or of a rare kind."""
    fields = Fields(configuration)
    fields.bytes(_BEFORE_SETS)
    units: list[bytes] = []
    for _ in range(fields.number(1)):
        fields.number(1)
        units += [fields.bytes(fields.number(2)) for _ in range(fields.number(2))]
    kinds = [unit[0] >> 1 & 63 if unit else None for unit in units]
    sequence_sets = [unit for unit, kind in zip(units, kinds, strict=True) if kind == _SEQUENCE_SET]
    if len(sequence_sets) != 1 or not _KINDS.issuperset(kinds):
        raise struct.error("not one set of parameters of the sequence")
    return ParameterSets(tuple(units), _announced_size(sequence_sets[0]))


def _announced_size(unit: bytes) -> tuple[int, int]:
    bits = _Bits(unit[_HEADER_BYTES:].replace(_ESCAPED, _PLAIN))
    bits.number(4)
    if bits.number(3):
        raise struct.error("a sequence of several layers")
    bits.number(1 + _PROFILE_BITS)
    bits.golomb()
    if bits.golomb() == 3:  # noqa: PLR2004 chroma_format_idc: 4:4:4
        bits.number(1)
    return bits.golomb(), bits.golomb()


class _Bits:
    """Reads bits, the highest of a byte first. Raises struct.error if there are no more."""

    def __init__(self, data: bytes) -> None:
        self._bits = len(data) * 8
        self._value = int.from_bytes(data, "big")

    def number(self, bits: int) -> int:
        """Return an unsigned number of so many bits."""
        self._bits -= bits
        if self._bits < 0:
            raise struct.error("the set of parameters ends too soon")
        return self._value >> self._bits & ((1 << bits) - 1)

    def golomb(self) -> int:
        """Return an unsigned number in Exp-Golomb code (9.2)."""
        zeros = 0
        while not self.number(1):
            zeros += 1
            if zeros > _MOST_BITS:
                raise struct.error("a number of too many bits")
        return (1 << zeros) - 1 + self.number(zeros)
