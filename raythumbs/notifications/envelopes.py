"""Opens the envelopes in which Amazon delivers S3 events: messages of SNS and SQS, also as Lambda and pipes have them.

Sources: Amazon SNS Developer Guide, "Parsing message formats"; AWS Lambda Developer Guide, "Using Lambda with Amazon
SQS" and "… Amazon SNS"; Amazon SQS API Reference, "ReceiveMessage"; Amazon EventBridge User Guide, "Pipes".
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from raythumbs.errors import BadRequest
from raythumbs.notifications.event import json_in, listed, text

Message = Mapping[str, Any]

_MOST_ENVELOPES = 8  # one in another: a list of a pipe's SQS records, with SNS in each, are five
_SNS_HOST = re.compile(r"sns\.[a-z0-9-]{3,32}\.amazonaws\.com(\.cn)?")
_TOPIC_LETTERS = 256


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A topic of SNS asks whether it may send its messages here. Opening `url` confirms it."""

    topic: str
    url: str


def confirmation(body: object) -> Confirmation | None:
    """Return the question of a topic, or None for any other body. Raises BadRequest if its URL is not Amazon's."""
    if not isinstance(body, dict) or body.get("Type") != "SubscriptionConfirmation":
        return None
    topic, url = text(body.get("TopicArn")), text(body.get("SubscribeURL"))
    if not _is_of_sns(url):
        raise BadRequest(f"the SubscribeURL {url[:200]!a} is no https address of Amazon SNS; it was not opened")
    return Confirmation(topic[:_TOPIC_LETTERS], url)


def is_unsubscription(message: Message) -> bool:
    """Return whether a topic reports the end of a subscription. Its URL is never opened: that would subscribe again."""
    return message.get("Type") == "UnsubscribeConfirmation"


def opened(body: object, *, depth: int = 0) -> Iterator[Message]:
    """Yield the messages of a body, without their envelopes: records of S3, events of EventBridge, and others.

    Raises BadRequest for an envelope that cannot be opened.
    """
    if depth > _MOST_ENVELOPES:
        raise BadRequest(f"the body has more than {_MOST_ENVELOPES} envelopes, one in another")
    if isinstance(body, list) and body:
        inside: list[object] = body
    elif isinstance(body, dict):
        found = _inside(body)
        if found is None:
            yield body
            return
        inside = found
    else:
        raise BadRequest("the body is not a JSON object, and not a list of them")
    for one in inside:
        yield from opened(one, depth=depth + 1)


def _inside(body: dict[str, Any]) -> list[object] | None:
    """Return what is in an envelope, or None for a message."""
    match body:
        case {"Type": "Notification"}:  # SNS
            return [json_in(body.get("Message"), "Message")]
        case {"EventSource": "aws:sns"}:  # SNS, as Lambda has it
            return [body.get("Sns")]
        case {"eventSource": "aws:sqs"}:  # SQS, as Lambda and pipes have it
            return [json_in(body.get("body"), "body")]
        case {"MessageId": _, "Body": _}:  # SQS
            return [json_in(body.get("Body"), "Body")]
        case {"Records": _} | {"Messages": _}:
            return list(listed(body, "Records" if "Records" in body else "Messages"))
        case _:
            return None


def _is_of_sns(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and _SNS_HOST.fullmatch(parts.netloc) is not None and url.isascii()
