"""Signs a message as Standard Webhooks 1.0.0 says, with each of the secrets: while they rotate, readers have either."""

from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook


def signed_headers(message_id: str, body: str, *, secrets: Sequence[str], now: float) -> dict[str, str]:
    """Return the headers of an attempt that is made now. The id is the same in every attempt."""
    at = datetime.fromtimestamp(int(now), UTC)
    signatures = (Webhook(secret).sign(message_id, at, body) for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": " ".join(signatures),
    }
