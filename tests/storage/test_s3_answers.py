"""What S3 says when it refuses keeps its meaning and its words."""

import http.client
import ssl

import boto3
import botocore.exceptions
import pytest
import trustme
from botocore.parsers import ResponseParserError

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
    RequesterPays,
    StoreRefused,
    StoreUnavailable,
    WrongRegion,
)
from raythumbs.storage.s3 import s3_client
from raythumbs.storage.s3_answers import plain, translated
from tests.storage.http_server import refusing, served, store_at

REFUSALS = [
    (403, "InvalidObjectState", "The operation is not valid for the object's storage class", Archived),
    (400, "InvalidRequest", "The object was stored using a form of Server Side Encryption.", Encrypted),
    (400, "InvalidRequest", "Missing required header for this request", StoreRefused),
    (403, "AccessDenied", "User: arn:aws:iam::1:user/a is not authorized to perform: kms:Decrypt", KeyUnavailable),
    (400, "KMS.DisabledException", "The key is disabled.", KeyUnavailable),
    (400, "KMS.NotFoundException", "The key does not exist.", KeyUnavailable),
    (503, "KMS.ThrottlingException", "Too many requests", StoreUnavailable),
    (403, "AccessDenied", "Access Denied", AccessDenied),
    (403, "AccessDenied", "Bucket is a Requester Pays bucket", RequesterPays),
    (403, "InvalidAccessKeyId", "The key does not exist in our records.", BadCredentials),
    (403, "SignatureDoesNotMatch", "Check your key and signing method.", BadCredentials),
    (400, "InvalidToken", "The provided token is malformed.", BadCredentials),
    (400, "ExpiredToken", "The provided token has expired.", ExpiredCredentials),
    (403, "RequestTimeTooSkewed", "The difference is too large.", ClockSkew),
    (403, "AllAccessDisabled", "All access to this object has been disabled.", AccountDisabled),
    (403, "NotSignedUp", "Your account is not signed up for the service.", AccountDisabled),
    (404, "NoSuchBucket", "The specified bucket does not exist", NoSuchBucket),
    (404, "NoSuchKey", "The specified key does not exist.", NoSuchObject),
    (404, "SomethingElse", "A gateway is away", StoreUnavailable),
    (301, "PermanentRedirect", "Address the bucket by its endpoint.", WrongRegion),
    (400, "IllegalLocationConstraintException", "The me-south-1 constraint is incompatible.", WrongRegion),
    (400, "AuthorizationHeaderMalformed", "the region 'us-east-1' is wrong; expecting 'eu-west-1'", WrongRegion),
    (400, "AuthorizationHeaderMalformed", "a non-empty Access Key must be provided", BadCredentials),
    (405, "MethodNotAllowed", "The method is not allowed.", StoreRefused),
    (400, "RequestTimeout", "Your socket was idle.", StoreUnavailable),
    (409, "OperationAborted", "A conflicting operation is in progress.", StoreUnavailable),
    (418, "NeverHeardOf", "I am a teapot", StoreRefused),
]


@pytest.mark.parametrize(("status", "code", "message", "kind"), REFUSALS)
def test_a_refusal_has_a_kind_of_its_own_and_the_stores_words(aws_credentials, status, code, message, kind):
    with served(refusing(status, code, message)) as endpoint, store_at(endpoint) as store:
        for verb in (
            lambda: store.get("a.jpg", max_bytes=99, seconds=9),
            lambda: store.put("a.jpg", b"photo", "image/jpeg"),
            lambda: list(store.list()),
        ):
            if status < 500:  # such an answer is not read: see QuickRequests
                with pytest.raises(kind, match=r"s3://photos/.*" + code) as told:
                    verb()
                assert type(told.value) is kind
                assert message in told.value.reason


def test_the_region_of_the_bucket_is_told(aws_credentials):
    somewhere = refusing(400, "AuthorizationHeaderMalformed", "no", more="<Region>eu-west-1</Region>")

    with (
        served(somewhere) as endpoint,
        store_at(endpoint) as store,
        pytest.raises(WrongRegion, match="set AWS_REGION to eu-west-1"),
    ):
        store.get("a.jpg", max_bytes=99, seconds=9)


@pytest.mark.parametrize("kind", [Archived, Encrypted])
def test_what_only_a_change_of_the_object_can_mend_is_not_tried_again(kind):
    assert not kind.retryable


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("one\n\ttwo\x1b[31m", "one two [31m"),
        ("key AKIAIOSFODNN7EXAMPLE is unknown", "key … is unknown"),
        ("GET http://user:word@h/x?X-Amz-Signature=abc failed", "GET http://…@h/x?… failed"),
        ("signature=abc&more", "signature=…&more"),
        ("x" * 100_000, "x" * 300 + "…"),
    ],
)
def test_the_stores_words_are_one_short_line_without_secrets(said, shown):
    assert plain(said) == shown


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (botocore.exceptions.EndpointConnectionError(endpoint_url="http://h/", error="no"), StoreUnavailable),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="http://h/"), StoreUnavailable),
        (botocore.exceptions.ConnectTimeoutError(endpoint_url="http://h/"), StoreUnavailable),
        (botocore.exceptions.ProxyConnectionError(proxy_url="http://p/"), StoreUnavailable),
        (botocore.exceptions.SSLError(endpoint_url="https://h/", error="EOF"), StoreUnavailable),
        (botocore.exceptions.SSLError(endpoint_url="https://h/", error="CERTIFICATE_VERIFY_FAILED"), StoreRefused),
        (botocore.exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2), StoreUnavailable),
        (botocore.exceptions.HTTPClientError(error="odd"), StoreUnavailable),
        (ResponseParserError("no XML"), StoreUnavailable),
        (botocore.exceptions.NoCredentialsError(), BadCredentials),
        (botocore.exceptions.CredentialRetrievalError(provider="p", error_msg="no"), BadCredentials),
        (botocore.exceptions.UnauthorizedSSOTokenError(), ExpiredCredentials),
        (botocore.exceptions.InvalidRegionError(region_name="a b"), StoreRefused),
        (botocore.exceptions.ClientError({}, "GetObject"), StoreUnavailable),
        (botocore.exceptions.ClientError({"Error": {"Code": "ExpiredToken"}}, "AssumeRole"), ExpiredCredentials),
        (ConnectionResetError(104, "reset"), StoreUnavailable),
        (ssl.SSLEOFError(8, "EOF"), StoreUnavailable),
    ],
)  # fmt: skip
def test_what_botocore_raises_has_a_kind_too(error, kind):
    with pytest.raises(kind, match="s3://photos") as told, translated("s3://photos"):
        raise error

    assert type(told.value) is kind


@pytest.mark.parametrize(
    "bug",
    [
        RecursionError("too deep"),
        botocore.exceptions.ParamValidationError(report="no"),
        KeyError("ETag"),
        http.client.HTTPException("odd"),
    ],
)
def test_a_bug_stays_a_bug(bug):
    with pytest.raises(type(bug)), translated("s3://photos"):
        raise bug


def test_a_certificate_that_nobody_vouches_for_is_for_a_person_to_mend(aws_credentials):
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    with (
        served(refusing(500, "no"), tls=context) as endpoint,
        store_at(endpoint) as store,
        pytest.raises(StoreRefused, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        store.get("a.jpg", max_bytes=99, seconds=9)


@pytest.mark.parametrize(("region", "endpoint"), [("us-east-1", "no address"), ("a region", None)])
def test_settings_that_make_no_client_are_told(aws_credentials, region, endpoint):
    with pytest.raises(StoreRefused, match="no client"):
        s3_client(region, endpoint)


def test_an_unknown_profile_is_told(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    boto3.DEFAULT_SESSION = None

    with pytest.raises(StoreRefused, match="nobody"):
        s3_client(None, None)


def test_a_store_that_hides_what_it_knows_of_an_object_is_in_trouble(aws_credentials):
    def hiding(request):
        request.send_response(200)
        request.send_header("Content-Length", "5")
        request.end_headers()

    with (
        served(hiding) as endpoint,
        store_at(endpoint) as store,
        pytest.raises(StoreUnavailable, match="does not tell its ETag"),
    ):
        store.head("a.jpg")
