"""Messages of Amazon SNS: which are taken, and whether SNS signed them."""

import json
from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raythumbs.errors import BadRequest, Unauthorised
from raythumbs.notifications import sns
from raythumbs.notifications.sns import SnsPolicy
from raythumbs.notifications.sns_certificate import certificate_of
from tests.notifications.signers import NOW, PEM_URL, SUBSCRIBE_URL, TOPIC, a_certificate, sns_message

POLICY = SnsPolicy(topics=frozenset({TOPIC}), versions=frozenset({"1", "2"}))
CERTIFICATE = certificate_of(a_certificate())
KINDS = ["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"]

HEX = "0123456789abcdef0123456789abcdef"


def check(message, *, policy=POLICY, certificate=CERTIFICATE, now=NOW):
    parsed = sns.message_of(json.dumps(message).encode())
    assert sns.certificate_url(parsed, policy, now=now) == message["SigningCertURL"]
    sns.verify(parsed, certificate, now=now)


# --- signatures


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", ["1", "2"])
def test_a_signed_message_of_an_allowed_topic_is_taken(kind, version):
    check(sns_message(kind, version=version))


@pytest.mark.parametrize("version", ["1", "2"])
def test_the_subject_is_signed_too(version):
    message = sns_message(version=version, Subject="Amazon S3 Notification")

    check(message)
    with pytest.raises(Unauthorised):
        check(message | {"Subject": "Amazon S3 notification"})
    with pytest.raises(Unauthorised):
        check({name: value for name, value in message.items() if name != "Subject"})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", ["1", "2"])
@given(data=st.data())
def test_one_altered_byte_of_any_signed_field_is_refused(kind, version, data):
    message = sns_message(kind, version=version)
    name = data.draw(st.sampled_from(["Message", "MessageId", *(["Token"] if kind != "Notification" else [])]))
    at = data.draw(st.integers(0, len(message[name]) - 1))
    altered = message[name][:at] + chr(ord(message[name][at]) ^ 1) + message[name][at + 1 :]

    with pytest.raises(Unauthorised):
        check(message | {name: altered})


def test_one_altered_byte_of_the_signature_is_refused():
    message = sns_message()
    signature = bytearray(b64decode(message["Signature"]))
    signature[17] ^= 1

    with pytest.raises(Unauthorised):
        check(message | {"Signature": b64encode(bytes(signature)).decode()})


@pytest.mark.parametrize("signature", ["", "x", "ü", None, 5, "AAAA"])
def test_a_signature_that_is_none_is_refused(signature):
    with pytest.raises(Unauthorised):
        check(sns_message() | {"Signature": signature})


def test_a_signature_of_one_version_is_none_of_the_other():
    with pytest.raises(Unauthorised):
        check(sns_message(version="1") | {"SignatureVersion": "2"})


def test_version_2_can_be_required():
    strict = SnsPolicy(topics=frozenset({TOPIC}), versions=frozenset({"2"}))

    check(sns_message(version="2"), policy=strict)
    with pytest.raises(Unauthorised, match="SignatureVersion"):
        check(sns_message(version="1"), policy=strict)


@pytest.mark.parametrize("wrong", [{"Message": 5}, {"MessageId": []}, {"Subject": {}}, {"Message": "\ud800"}])
def test_a_signed_field_that_is_no_text_is_refused(wrong):
    with pytest.raises(Unauthorised):
        check(sns_message() | wrong)


# --- topics and times


@pytest.mark.parametrize(
    "topic",
    [TOPIC + "2", TOPIC.replace("123456789012", "210987654321"), TOPIC.upper(), "", None, ["x"], TOPIC + "\n"],
)
def test_a_topic_that_is_not_allowed_is_refused_however_well_it_is_signed(topic):
    with pytest.raises(Unauthorised, match="RAYTHUMBS_SNS_TOPICS"):
        check(sns_message(TopicArn=topic))


@pytest.mark.parametrize(("seconds", "taken"), [(-301, False), (-299, True), (0, True), (3599, True), (3601, False)])
def test_a_message_is_taken_for_an_hour_and_five_minutes_early(seconds, taken):
    if taken:
        check(sns_message(), now=NOW + seconds)
    else:
        with pytest.raises(Unauthorised, match="Timestamp"):
            check(sns_message(), now=NOW + seconds)


@pytest.mark.parametrize("timestamp", ["", "now", None, "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00", 5])
def test_a_message_without_a_readable_time_is_refused(timestamp):
    with pytest.raises(Unauthorised):
        check(sns_message(Timestamp=timestamp))


# --- certificates


@pytest.mark.parametrize(
    "url",
    [
        PEM_URL.replace("https", "http"),
        PEM_URL.replace("eu-central-1", "us-east-1"),
        PEM_URL.replace("amazonaws.com", "amazonaws.com.evil.example"),
        PEM_URL.replace("sns.", "snsx"),
        PEM_URL.replace(".com/", ".com:443/"),
        PEM_URL.replace("//", "//sns@"),
        PEM_URL.replace("//", "//evil.example\\@"),
        PEM_URL + "?x=.pem",
        PEM_URL + "?",
        PEM_URL.rpartition("/")[0] + "/x.pem",
        PEM_URL.rpartition("/")[0] + "/a/" + PEM_URL.rpartition("/")[2],
        PEM_URL.replace("0123", "wxyz"),
        PEM_URL.replace(".pem", "0" * 64 + ".pem"),
        PEM_URL + "#.pem",
        PEM_URL.removesuffix(".pem"),
        PEM_URL.replace(".pem", ".pem\n"),
        PEM_URL.replace("eu-central-1", "eu-central-1\u2024x"),
        "https://[",
        "",
        None,
    ],
)
def test_a_certificate_comes_from_sns_in_the_topics_region_only(url):
    message = sns_message() | {"SigningCertURL": url}

    with pytest.raises(Unauthorised):
        sns.certificate_url(message, POLICY, now=NOW)


@pytest.mark.parametrize(
    ("topic", "host"),
    [
        ("arn:aws-cn:sns:cn-north-1:123456789012:x", "sns.cn-north-1.amazonaws.com.cn"),
        ("arn:aws-us-gov:sns:us-gov-west-1:123456789012:x", "sns.us-gov-west-1.amazonaws.com"),
    ],
)
def test_other_partitions_have_their_own_hosts(topic, host):
    policy = SnsPolicy(topics=frozenset({topic}), versions=frozenset({"1"}))

    message = sns_message(TopicArn=topic, SigningCertURL=f"https://{host}/SimpleNotificationService-{HEX}.pem")

    assert sns.certificate_url(message, policy, now=NOW) == f"https://{host}/SimpleNotificationService-{HEX}.pem"


@pytest.mark.parametrize("name", ["sns.amazonaws.com", "sns-signing.eu-central-1.amazonaws.com"])
def test_the_certificate_has_the_name_of_sns(name):
    check(sns_message(), certificate=certificate_of(a_certificate(name=name)))


@pytest.mark.parametrize(
    "given",
    [
        {"name": "sns-signing.us-east-1.amazonaws.com"},
        {"name": "s3.amazonaws.com"},
        {"name": "evil.example"},
        {"days": (-30, -1)},
        {"days": (1, 30)},
        {"key": "another"},
    ],
)
def test_a_certificate_of_another_name_time_or_key_is_refused(given):
    with pytest.raises(Unauthorised):
        check(sns_message(), certificate=certificate_of(a_certificate(**given)))


@pytest.mark.parametrize("pem", [b"", b"<html>", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_file_that_is_no_certificate_is_refused(pem):
    with pytest.raises(Unauthorised):
        certificate_of(pem)


# --- confirmations


def test_a_question_of_a_topic_is_read_with_its_address():
    asked = sns.confirmation(sns_message("SubscriptionConfirmation"))

    assert (asked.topic, asked.url) == (TOPIC, SUBSCRIBE_URL)


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription",
        "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription",
        "https://sns.eu-central-1.amazonaws.com.evil.example/",
        "https://sns.eu-central-1.amazonaws.com@evil.example/",
        "https://169.254.169.254/latest/meta-data",
        "",
        None,
        7,
    ],
)
def test_a_question_with_another_address_is_not_answered(url):
    with pytest.raises(BadRequest):
        sns.confirmation(sns_message("SubscriptionConfirmation", SubscribeURL=url))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"Type": "Other"}', b'{"Type": ["Notification"]}', b"\xff"])
def test_another_body_is_no_message_of_sns(body):
    assert sns.message_of(body) is None
