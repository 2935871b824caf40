"""Faults of requests."""

from raythumbs.errors.base import RaythumbsError


class BadRequest(RaythumbsError):
    """The request cannot be understood."""

    code = "bad_request"
    http_status = 400


class BadSource(BadRequest):
    """A source that is not the address of an object."""

    code = "bad_source"
    http_status = 422


class Unstorable(BadRequest):
    """A value that the database refuses."""

    code = "unstorable"
    http_status = 422


class EmptyFile(BadRequest):
    """A file of zero bytes."""

    code = "empty_file"
    http_status = 422


class BodyTooLarge(RaythumbsError):
    """A request body over its limit. Nothing of it was kept."""

    code = "body_too_large"
    http_status = 413


class TooSlow(RaythumbsError):
    """A request body that arrived too slowly; nothing of it was kept."""

    code = "too_slow"
    http_status = 408


class TooManyBodies(RaythumbsError):
    """A client that sends more bodies at one time than allowed."""

    code = "too_many_bodies"
    http_status = 429


class TooManyStreams(RaythumbsError):
    """A client that keeps more streams open than allowed."""

    code = "too_many_streams"
    http_status = 429


class NotJson(RaythumbsError):
    """A body whose content type says that it is not JSON."""

    code = "not_json"
    http_status = 415


class EncodedBody(RaythumbsError):
    """A body that is compressed or encoded in another way."""

    code = "encoded_body"
    http_status = 415


class UnknownHost(RaythumbsError):
    """A request for a host name that is not one of this service's."""

    code = "unknown_host"
    http_status = 421


class ForeignOrigin(RaythumbsError):
    """A change that another web site's page requested."""

    code = "foreign_origin"
    http_status = 403


class Unauthorised(RaythumbsError):
    """A missing or wrong signature or token."""

    code = "unauthorised"
    http_status = 401


class SourceNotAllowed(RaythumbsError):
    """A source that this service may not read."""

    code = "source_not_allowed"
    http_status = 403
