"""Translates the errors of S3, of compatible stores and of botocore into errors of raythumbs.

Sources of the codes: Amazon S3 API Reference, "Error responses"; MinIO's cmd/api-errors.go; Ceph's rgw_common.cc.
An exception that is not named here is a bug, of ours or of a library: it passes as it is, and becomes `internal`.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError
from s3transfer.exceptions import RetriesExceededError
from urllib3.exceptions import HTTPError

from raythumbs.errors import (
    AccessDenied,
    AccountDisabled,
    Archived,
    BadCredentials,
    ClockSkew,
    Encrypted,
    ExpiredCredentials,
    KeyUnavailable,
    NoSuchBucket,
    NoSuchObject,
    RaythumbsError,
    RequesterPays,
    StoreRefused,
    StoreUnavailable,
    WrongRegion,
)
from raythumbs.storage.quick_requests import Busy, NotReached

Kinds = Mapping[str, type[RaythumbsError]]

_REASON_LETTERS = 300
_ADVICE: Mapping[type[RaythumbsError], str] = {
    NoSuchObject: "it does not exist",
    AccessDenied: "the store refuses these credentials",
    BadCredentials: "the store does not know these credentials",
    ExpiredCredentials: "the credentials have expired",
    NoSuchBucket: "the store has no such bucket",
    WrongRegion: "the bucket is in another region: set AWS_REGION",
    ClockSkew: "the clock of this machine or of the store is wrong",
    AccountDisabled: "the account at the store is disabled",
    RequesterPays: "the bucket answers only requests that pay for themselves (Requester Pays)",
    KeyUnavailable: "the store may not use the key that it is encrypted with",
    Archived: "it is archived: restore it, and the event of its restoration makes a new job",
    Encrypted: "it is encrypted with a key that this service does not have (SSE-C)",
    StoreRefused: "the store refuses the request",
    StoreUnavailable: "the store is in trouble",
}

# Not every 404 is an absent object: of a bucket or a gateway that is away, it says nothing.
ABSENT: Kinds = MappingProxyType({"NoSuchKey": NoSuchObject, "NoSuchVersion": NoSuchObject})
# An answer to HEAD has no body, so botocore takes the status for the code.
ABSENT_TO_HEAD: Kinds = MappingProxyType({**ABSENT, "404": NoSuchObject, "NotFound": NoSuchObject})
NO_BUCKET_TO_HEAD: Kinds = MappingProxyType({"404": NoSuchBucket, "NotFound": NoSuchBucket})

_CODES: Kinds = {
    code: kind
    for kind, codes in {
        AccessDenied: ("AccessDenied", "403", "Forbidden", "AccessForbidden"),
        BadCredentials: (
            "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSecurity", "InvalidToken", "InvalidClientTokenId",
            "AuthorizationHeaderMalformed", "MissingAuthenticationToken", "MissingSecurityHeader", "NoSuchAccessKey",
            "InvalidAccessKey", "AccessKeyDisabled", "UnrecognizedClientException", "401", "Unauthorized",
        ),
        ExpiredCredentials: ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"),
        NoSuchBucket: ("NoSuchBucket",),
        WrongRegion: (
            "PermanentRedirect", "IllegalLocationConstraintException", "InvalidLocationConstraint", "InvalidRegion",
            "XMinioInvalidRegion",
        ),
        ClockSkew: ("RequestTimeTooSkewed", "RequestInTheFuture"),
        AccountDisabled: (
            "AllAccessDisabled", "AccountProblem", "NotSignedUp", "InvalidPayer", "UserSuspended", "AccountSuspended",
        ),
        Archived: ("InvalidObjectState",),
        KeyUnavailable: ("KMSNotConfigured",),
    }.items()
    for code in codes
}  # fmt: skip
_MAY_PASS = re.compile(r"Throttl|SlowDown|Timeout|TooManyRequests|LimitExceeded|Unavailable|InternalError|Aborted|Busy")
_PASSING_STATUSES = {
    HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}  # fmt: skip
_FIRST_REDIRECT, _FIRST_REFUSAL, _FIRST_TROUBLE = 300, 400, 500

_SECRETS = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{8,}"  # AWS, "IAM identifiers": the beginnings of access keys
    r"|(?<=://)[^/@\s]+(?=@)|(?<=\?)[^\s\"'<>]+"  # a user and password of an address, and its query: signatures
    r"|(?i:(?<=signature=)|(?<=token=)|(?<=credential=)|(?<=secret=))[^\s&,;]+"
)

_NO_CREDENTIALS = (
    boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError, boto.NoAuthTokenError,
    boto.UnknownCredentialError, boto.TokenRetrievalError, boto.UnknownTokenProviderError, boto.SSOError,
    boto.LoginError, boto.RefreshWithMFAUnsupportedError, boto.MetadataRetrievalError,
)  # fmt: skip
_EXPIRED = (boto.UnauthorizedSSOTokenError, boto.LoginRefreshRequired)
_TROUBLE = (
    boto.HTTPClientError, boto.ConnectionError, boto.ChecksumError, boto.FlexibleChecksumError,
    boto.IncompleteReadError, boto.CapacityNotAvailableError, ResponseParserError, RetriesExceededError, HTTPError,
)  # fmt: skip
_WRONG_SETTINGS = (
    boto.BaseEndpointResolverError, boto.EndpointProviderError, boto.InvalidEndpointConfigurationError,
    boto.InvalidRegionError, boto.UnknownRegionError, boto.InvalidConfigError, boto.ConfigParseError,
    boto.ConfigNotFound, boto.ProfileNotFound, boto.InvalidProxiesConfigError, boto.InvalidIMDSEndpointError,
    boto.InvalidIMDSEndpointModeError, boto.InvalidS3AddressingStyleError, boto.UnsupportedS3ConfigurationError,
    boto.UnsupportedS3ArnError, boto.UnsupportedS3AccesspointConfigurationError, boto.InvalidDNSNameError,
    boto.InvalidHostLabelError, boto.UnknownSignatureVersionError, boto.UnsupportedSignatureVersionError,
    boto.InvalidRetryConfigurationError, boto.InvalidDefaultsMode, boto.InvalidChecksumConfigError,
    boto.InvalidSTSRegionalEndpointsConfigError, boto.InvalidS3UsEast1RegionalEndpointConfigError,
    boto.MissingDependencyException,
)  # fmt: skip
_CREDENTIALS_ADVICE = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; on a machine with a role that is not seen to be Amazon's, set "
    "RAYTHUMBS_INSTANCE_CREDENTIALS=true"
)


@contextmanager
def translated(shown: str, *, absent: Kinds = ABSENT) -> Iterator[None]:
    """Raise errors of raythumbs in place of those of S3, of botocore and of the system.

    `shown` is the address that was asked for; `absent` says what codes of absence mean for this request.
    """
    try:
        yield
    except boto.ClientError as error:
        raise _of_answer(error.response, shown, absent) from error
    except Busy as error:
        raise StoreUnavailable(f"{shown}: {error}", retry_after_seconds=_seconds(error.retry_after)) from error
    except NotReached as error:
        raise StoreUnavailable(f"{shown}: {plain(str(error))}") from error
    except _EXPIRED as error:
        raise ExpiredCredentials(f"{shown}: {plain(str(error))}") from error
    except _NO_CREDENTIALS as error:
        why = f"there are no credentials; {_CREDENTIALS_ADVICE}"
        raise BadCredentials(f"{shown}: {why} ({plain(str(error))})") from error
    except _WRONG_SETTINGS as error:
        raise StoreRefused(f"{shown}: the store cannot be asked with these settings: {plain(str(error))}") from error
    except boto.SSLError as error:
        kind = StoreRefused if "CERTIFICATE_VERIFY_FAILED" in str(error) else StoreUnavailable
        raise kind(f"{shown}: {type(error).__name__}: {plain(str(error))}") from error
    except _TROUBLE as error:
        raise StoreUnavailable(f"{shown}: {type(error).__name__}: {plain(str(error))}") from error
    except OSError as error:
        raise StoreUnavailable(f"{shown}: {error.strerror or type(error).__name__}") from error


def plain(text: str) -> str:
    """Return a store's message as one line of at most 300 letters, without keys, passwords and signatures."""
    told = _SECRETS.sub("…", text[: 4 * _REASON_LETTERS])
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in told).split())
    return line if len(line) <= _REASON_LETTERS else f"{line[:_REASON_LETTERS]}…"


def _of_answer(answer: Mapping[str, Any], shown: str, absent: Kinds) -> RaythumbsError:
    told, about = answer.get("Error", {}), answer.get("ResponseMetadata", {})
    status, headers = about.get("HTTPStatusCode", 0), about.get("HTTPHeaders", {})
    code, message = str(told.get("Code", "")), plain(str(told.get("Message", "")))
    region = told.get("Region") or headers.get("x-amz-bucket-region")
    location = headers.get("location")
    if location and _FIRST_REDIRECT <= status < _FIRST_REFUSAL and not region:
        return StoreUnavailable(f"{shown}: the store sends its clients to {plain(location)} ({plain(code) or status})")
    kind = absent.get(code) or _kind(code, message, status, region=region)
    where = f" to {plain(str(region))}" if kind is WrongRegion and region else ""
    words = f": {message}" if message and message != code else ""
    reason = f"{shown}: {_ADVICE[kind]}{where}{words} ({plain(code) or status})"
    if kind is StoreUnavailable:
        return StoreUnavailable(reason, retry_after_seconds=_seconds(headers.get("retry-after", "")))
    return kind(reason)


def _kind(code: str, message: str, status: int, *, region: str | None) -> type[RaythumbsError]:
    if _MAY_PASS.search(code) or status >= _FIRST_TROUBLE:
        return StoreUnavailable
    if code == "AuthorizationHeaderMalformed" and (region or "region" in message):
        return WrongRegion
    if code == "InvalidRequest" and re.search(r"server.side encryption|SSE-C|customer.key", message, re.IGNORECASE):
        return Encrypted
    if re.search(r"\bkms\b", f"{code} {message}", re.IGNORECASE):  # also AccessDenied: "… perform: kms:Decrypt"
        return KeyUnavailable
    if _CODES.get(code) is AccessDenied and re.search(r"request(er)?[ -]?pay", message, re.IGNORECASE):
        return RequesterPays
    return _CODES.get(code) or _kind_of_status(status, region=region)


def _kind_of_status(status: int, *, region: str | None) -> type[RaythumbsError]:
    if _FIRST_REDIRECT <= status < _FIRST_REFUSAL and region:
        return WrongRegion
    return StoreUnavailable if status < _FIRST_REFUSAL or status in _PASSING_STATUSES else StoreRefused


def _seconds(retry_after: str) -> float | None:
    return float(retry_after) if retry_after.isdecimal() else None  # the other form, a date, is not used by stores
