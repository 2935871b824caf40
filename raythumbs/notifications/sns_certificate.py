"""The certificate with which Amazon SNS signs, and signatures by its key."""

from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import Certificate, load_pem_x509_certificate
from cryptography.x509.oid import NameOID

from raythumbs.errors import Unauthorised

__all__ = ["Certificate", "certificate_of", "check_certificate", "is_signature"]

_HASHES = {"1": SHA1, "2": SHA256}  # by SignatureVersion
_OTHER_NAMES = {"us-gov-east-1": "sns-us-gov-west-1.amazonaws.com"}


def certificate_of(pem: bytes) -> Certificate:
    """Return the certificate in a PEM file, or raise Unauthorised."""
    try:
        return load_pem_x509_certificate(pem)
    except ValueError as error:
        raise Unauthorised("the SigningCertURL has no certificate") from error


def check_certificate(certificate: Certificate, *, region: str, domain: str, now: float) -> None:
    """Return if the certificate is valid now, and is of SNS in a region; else raise Unauthorised.

    Its issuer is not checked: it comes over TLS from SNS's own host.
    """
    try:
        names = {name.value for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)}
        valid = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except ValueError as error:
        raise Unauthorised("the certificate of the SigningCertURL cannot be read") from error
    if not valid[0] <= datetime.fromtimestamp(now, UTC) <= valid[1]:
        raise Unauthorised("the certificate of the SigningCertURL is not valid now")
    if len(names) != 1 or not names <= _names(region, domain):
        raise Unauthorised("the certificate of the SigningCertURL is not of Amazon SNS in the topic's region")


def is_signature(signature: bytes, signed: bytes, certificate: Certificate, *, version: str) -> bool:
    """Return whether the certificate's key signed these bytes, by this version of SNS's signatures."""
    try:
        key = certificate.public_key()
        if version not in _HASHES or not isinstance(key, RSAPublicKey):
            return False
        key.verify(signature, signed, PKCS1v15(), _HASHES[version]())
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _names(region: str, domain: str) -> set[str]:
    regional = {f"sns-signing.{region}.{domain}", f"sns-{region}.{domain}"}
    return {"sns.amazonaws.com", _OTHER_NAMES.get(region, "sns.amazonaws.com"), *regional}
