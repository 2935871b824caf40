"""Signatures of Standard Webhooks, version 1. Source: the Standard Webhooks specification 1.0.0, "Signature scheme"."""

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping

from raythumbs.errors import Unauthorised

_TOLERANCE_SECONDS = 300


def verify(body: bytes, headers: Mapping[str, str], *, secret: str, now: float) -> None:
    """Return if the headers have a signature of the body that is at most five minutes old, else raise Unauthorised.

    The secret is base64, with or without `whsec_`.
    """
    id_, sent_at, signatures = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not id_ or not re.fullmatch(r"[0-9]{1,12}", sent_at) or abs(now - int(sent_at)) > _TOLERANCE_SECONDS:
        raise Unauthorised("webhook-id or webhook-timestamp is missing, or is more than five minutes off")
    signed = f"{id_}.{sent_at}.".encode(errors="replace") + body
    right = b"v1," + b64encode(hmac.digest(b64decode(secret.removeprefix("whsec_")), signed, "sha256"))
    if not any(hmac.compare_digest(given.encode(errors="replace"), right) for given in signatures.split(" ")):
        raise Unauthorised("webhook-signature is missing, or is not of this body")
