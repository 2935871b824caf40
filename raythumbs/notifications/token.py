"""The token of a notification, in the forms in which senders can send it."""

import hmac
from base64 import b64decode

from raythumbs.errors import Unauthorised


def authorise(given: str, token: str) -> None:
    """Return if an Authorization header has the token, else raise Unauthorised.

    MinIO sends `Bearer <token>` for a token of one word, its successor the value as it is. SNS can only send the user
    and the password of its endpoint's address; the token is the password.
    """
    forms = [given.encode()]
    kind, _, value = given.partition(" ")
    if kind.lower() == "basic":
        forms.append(b"Bearer " + _password(value))
    if not any(hmac.compare_digest(form, right.encode()) for form in forms for right in (f"Bearer {token}", token)):
        raise Unauthorised("the notification's Authorization header is not `Bearer <RAYTHUMBS_NOTIFICATION_TOKEN>`")


def _password(value: str) -> bytes:
    try:
        return b64decode(value, validate=True).partition(b":")[2]
    except ValueError:
        return b""
