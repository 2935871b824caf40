"""Keys and certificates of senders, made for the tests, and what they sign."""

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import CertificateBuilder, Name, NameAttribute, random_serial_number
from cryptography.x509.oid import NameOID
from jwt.algorithms import RSAAlgorithm

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NOW = NOON.timestamp()
TOPIC = "arn:aws:sns:eu-central-1:123456789012:photos"
PEM_URL = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
SUBSCRIBE_URL = f"https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336"


@cache
def a_key(_name: str = "sender") -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def a_certificate(*, name: str = "sns.amazonaws.com", days: tuple[int, int] = (-30, 30), key: str = "sender") -> bytes:
    """A certificate as PEM, valid from and until so many days after noon."""
    subject = Name([NameAttribute(NameOID.COMMON_NAME, name)])
    builder = CertificateBuilder(
        issuer_name=subject,
        subject_name=subject,
        public_key=a_key(key).public_key(),
        serial_number=random_serial_number(),
        not_valid_before=NOON + timedelta(days=days[0]),
        not_valid_after=NOON + timedelta(days=days[1]),
    )
    return builder.sign(a_key(key), SHA256()).public_bytes(Encoding.PEM)


def sns_message(kind: str = "Notification", *, version: str = "1", key: str = "sender", **more: Any) -> dict[str, Any]:
    """A message as SNS signs it. The order of the signed fields is written out, as the developer guide has it."""
    message = {
        "Type": kind, "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b", "TopicArn": TOPIC, "Message": "{}",
        "Timestamp": "2026-11-23T12:00:00.000Z", "SignatureVersion": version, "SigningCertURL": PEM_URL,
    }  # fmt: skip
    if kind != "Notification":
        message |= {"Token": "2336412f37", "SubscribeURL": SUBSCRIBE_URL}
    message |= more
    if kind == "Notification":
        names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    else:
        names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    signed = "".join(f"{name}\n{message[name]}\n" for name in names if name in message).encode()
    signature = a_key(key).sign(signed, PKCS1v15(), SHA1() if version == "1" else SHA256())
    return message | {"Signature": b64encode(signature).decode()}


AUDIENCE = "https://thumbnails.example.com/api/notifications/gcs"
ACCOUNT = "push@project.iam.gserviceaccount.com"
CLAIMS = {
    "iss": "https://accounts.google.com", "aud": AUDIENCE, "email": ACCOUNT, "email_verified": True,
    "iat": NOW - 60, "exp": NOW + 3540, "sub": "113774264463038321964", "azp": "113774264463038321964",
}  # fmt: skip


def a_token(key: str = "sender", *, kid: str = "key-1", **claims: Any) -> str:
    named = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    return jwt.encode(named, a_key(key), "RS256", headers={"kid": kid})


def a_key_set(keys: Mapping[str, str]) -> bytes:
    """A JSON Web Key Set, with the name of a key for each id."""
    public = {kid: json.loads(RSAAlgorithm.to_jwk(a_key(name).public_key())) for kid, name in keys.items()}
    return json.dumps(
        {"keys": [{"kid": kid, "alg": "RS256", "use": "sig", **jwk} for kid, jwk in public.items()]}
    ).encode()
