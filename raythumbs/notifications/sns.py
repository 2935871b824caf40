"""Messages of Amazon SNS over HTTP: what they say of themselves, and whether SNS signed them.

Sources: Amazon SNS Developer Guide, "Parsing message formats" and "Verifying the signatures of Amazon SNS messages";
the names of certificates: SnsHostProvider of the AWS SDK for Java 2.
"""

import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from raythumbs.errors import BadRequest, Unauthorised
from raythumbs.notifications.event import json_of, text
from raythumbs.notifications.sns_certificate import Certificate, check_certificate, is_signature

_SIGNED_FIELDS = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
    ),
}  # fmt: skip
_SIGNED_FIELDS["UnsubscribeConfirmation"] = _SIGNED_FIELDS["SubscriptionConfirmation"]
_TOPIC = re.compile(
    r"arn:(?P<partition>aws[a-z-]{0,16}):sns:(?P<region>[a-z0-9-]{3,32}):\d{1,12}:[A-Za-z0-9_.-]{1,256}"
)
_CERTIFICATE = re.compile(r"https://[a-z0-9.-]+/SimpleNotificationService-[0-9a-f]{8,64}\.pem")
_DOMAINS = {"aws-cn": "amazonaws.com.cn", "aws-eusc": "amazonaws.eu"}  # of other partitions: amazonaws.com
_OLDEST_SECONDS = 3600.0  # SNS repeats a message for at most an hour
_NEWEST_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A topic of SNS asks whether it may send its messages here. Opening `url` confirms it."""

    topic: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SnsPolicy:
    """Whose messages are taken: the ARNs of topics, and the versions of signatures."""

    topics: frozenset[str]
    versions: frozenset[str]


def message_of(body: bytes) -> Mapping[str, Any] | None:
    """Return the body as a message of SNS, or None if it is none (a raw delivery, or of another sender)."""
    try:
        value = json_of(body)
    except BadRequest:
        return None
    return value if isinstance(value, dict) and text(value.get("Type")) in _SIGNED_FIELDS else None


def certificate_url(message: Mapping[str, Any], policy: SnsPolicy, *, now: float) -> str:
    """Return where the certificate of a message is, if the message may be taken once its signature is right.

    Raises Unauthorised for a topic that is not allowed (SNS signs for everybody's topics), for an old message, for a
    version of signatures that is not accepted, and for an address that is not of the topic's region.
    """
    topic, version, url = (text(message.get(name)) for name in ("TopicArn", "SignatureVersion", "SigningCertURL"))
    if topic not in policy.topics:
        raise Unauthorised(f"the topic {topic[:300]!a} is not in RAYTHUMBS_SNS_TOPICS")
    if version not in policy.versions:
        raise Unauthorised(f"the SignatureVersion {version[:10]!a} is not in RAYTHUMBS_SNS_SIGNATURE_VERSIONS")
    if not -_NEWEST_SECONDS <= now - _sent_at(message) <= _OLDEST_SECONDS:
        raise Unauthorised("the Timestamp is more than an hour old, or in the future")
    if not _is_of_topic(url, topic) or not _CERTIFICATE.fullmatch(url):
        raise Unauthorised(f"the SigningCertURL {url[:200]!a} is no certificate of Amazon SNS in the topic's region")
    return url


def verify(message: Mapping[str, Any], certificate: Certificate, *, now: float) -> dict[str, Any]:
    """Return the signed part of a message; all else in it may be of a stranger.

    Raises Unauthorised if the certificate is not SNS's of the topic's region, or its key did not sign the message.
    """
    topic = _TOPIC.fullmatch(text(message.get("TopicArn")))
    if topic is None:
        raise Unauthorised("the message has no readable TopicArn")
    check_certificate(certificate, region=topic["region"], domain=_domain(topic), now=now)
    signature = _signature(text(message.get("Signature")))
    if not is_signature(signature, _signed_text(message), certificate, version=text(message.get("SignatureVersion"))):
        raise Unauthorised("the Signature is not of this message")
    return {name: message[name] for name in _signed_names(message)}


def confirmation(body: object) -> Confirmation | None:
    """Return the question of a topic, or None for any other body. Raises BadRequest if its URL is not the topic's."""
    if not isinstance(body, dict) or body.get("Type") != "SubscriptionConfirmation":
        return None
    topic, url = text(body.get("TopicArn")), text(body.get("SubscribeURL"))
    if not _is_of_topic(url, topic):
        raise BadRequest(f"the SubscribeURL {url[:200]!a} is no https address of Amazon SNS in the topic's region")
    return Confirmation(topic, url)


def _sent_at(message: Mapping[str, Any]) -> float:
    try:
        return datetime.fromisoformat(text(message.get("Timestamp"))).replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError) as error:
        raise Unauthorised("the message has no readable Timestamp") from error


def _is_of_topic(url: str, topic_arn: str) -> bool:
    """Return whether an address is https at SNS's host of the topic's region, without port, user or fragment."""
    topic = _TOPIC.fullmatch(topic_arn)
    if topic is None or not url.isascii() or not url.isprintable() or "#" in url or " " in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and parts.netloc == f"sns.{topic['region']}.{_domain(topic)}"


def _domain(topic: re.Match[str]) -> str:
    return _DOMAINS.get(topic["partition"], "amazonaws.com")


def _signed_names(message: Mapping[str, Any]) -> list[str]:
    return [name for name in _SIGNED_FIELDS[text(message.get("Type"))] if message.get(name) is not None]


def _signed_text(message: Mapping[str, Any]) -> bytes:
    names = _signed_names(message)
    if not all(isinstance(message[name], str) for name in names):
        raise Unauthorised("a signed field of the message is no text")
    return "".join(f"{name}\n{message[name]}\n" for name in names).encode(errors="surrogatepass")


def _signature(encoded: str) -> bytes:
    try:
        return b64decode(encoded, validate=True)
    except ValueError as error:
        raise Unauthorised("the message has no readable Signature") from error
