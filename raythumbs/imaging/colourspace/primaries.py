"""From the chromaticities of red, green, blue and white to the colorants of a profile."""

from collections.abc import Sequence
from dataclasses import dataclass

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]
Point = tuple[float, float]  # CIE 1931 x and y

D65: Point = (0.3127, 0.3290)
D50_XYZ: Vector = (0.9642, 1.0, 0.8249)  # of the connection space (ICC.1:2022, 7.2.16)
_BRADFORD: Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))  # ICC.1, annex E
_LEAST_DETERMINANT = 1e-4  # of three colours that span a space. Those of sRGB have 0.09 to 0.3.


@dataclass(frozen=True, slots=True)
class Primaries:
    """The chromaticities of a space of colours."""

    red: Point
    green: Point
    blue: Point
    white: Point = D65


_C: Point = (0.310, 0.316)
BT709 = Primaries((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
BT2020 = Primaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
_BT601 = Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070))
BY_NUMBER = {  # ITU-T H.273, table 2
    1: BT709,
    2: BT709,  # unspecified
    4: Primaries((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _C),
    5: Primaries((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: _BT601,
    7: _BT601,
    8: Primaries((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C),
    9: BT2020,
    11: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    22: Primaries((0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}


def light(primaries: Primaries) -> Matrix:
    """Return the matrix from linear red, green and blue to XYZ. Raises ValueError if the colours span no space."""
    red, green, blue = (_xyz(point) for point in (primaries.red, primaries.green, primaries.blue))
    columns = _transposed((red, green, blue))
    shares = _applied(_inverse(columns), _xyz(primaries.white))
    return _transposed(tuple(_scaled(one, share) for one, share in zip((red, green, blue), shares, strict=True)))


def colorants(primaries: Primaries) -> Matrix:
    """Return the XYZ of red, green and blue, in this order, adapted to the white of D50 (ICC.1:2022, annex E)."""
    seen = _applied(_BRADFORD, _xyz(primaries.white))
    wanted = _applied(_BRADFORD, D50_XYZ)
    if min(seen) <= 0:
        raise ValueError("no white that an eye can adapt to")
    gains = tuple(want / see for want, see in zip(wanted, seen, strict=True))
    cones = tuple(_scaled(row, gain) for row, gain in zip(_BRADFORD, gains, strict=True))
    adapted = _product(_inverse(_BRADFORD), cones)
    return _transposed(_product(adapted, light(primaries)))


def _xyz(point: Point) -> Vector:
    """Return the XYZ of a chromaticity, with Y = 1."""
    x, y = point
    if y <= 0:
        raise ValueError("a colour without light")
    return x / y, 1.0, (1 - x - y) / y


def _scaled(vector: Vector, factor: float) -> Vector:
    return vector[0] * factor, vector[1] * factor, vector[2] * factor


def _applied(matrix: Sequence[Vector], vector: Vector) -> Vector:
    first, second, third = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)
    return first, second, third


def _transposed(matrix: Sequence[Vector]) -> Matrix:
    first, second, third = zip(*matrix, strict=True)
    return first, second, third


def _product(left: Sequence[Vector], right: Sequence[Vector]) -> Matrix:
    return _transposed([_applied(left, column) for column in _transposed(right)])


def _inverse(matrix: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    cofactors = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    determinant = a * cofactors[0][0] + b * cofactors[1][0] + c * cofactors[2][0]
    if abs(determinant) < _LEAST_DETERMINANT:
        raise ValueError("three colours that span no space")
    first, second, third = (_scaled(row, 1 / determinant) for row in cofactors)
    return first, second, third
