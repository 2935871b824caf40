"""Faults of photos."""

from raythumbs.errors.base import RaythumbsError


class BadPicture(RaythumbsError):
    """A photo that can never be rendered."""

    code = "bad_picture"
    http_status = 422


class NotAnImage(BadPicture):
    """A file that no allowed decoder recognises."""

    code = "not_an_image"


class UnsupportedFormat(BadPicture):
    """A picture in a known format that is not allowed."""

    code = "unsupported_format"
    http_status = 415


class ZeroSized(BadPicture):
    """A picture without width or height."""

    code = "zero_sized"


class Truncated(BadPicture):
    """A file that ends before its picture does."""

    code = "truncated"


class Corrupt(BadPicture):
    """A file that its decoder found to be broken."""

    code = "corrupt"


class TooLarge(BadPicture):
    """A picture that needs more memory, or a file that has more bytes, than the limits allow."""

    code = "too_large"
    http_status = 413
