"""The envelopes in which Amazon delivers S3 events: SNS, SQS, and the records of these two that Lambda and pipes have.

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
    """A topic of SNS asks whether it may send its messages here. To open `url` is to agree."""

    topic: str
    url: str


def confirmation(told: object) -> Confirmation | None:
    """Return what a topic asks, or None for any other body. Raises BadRequest for an address that is not Amazon's."""
    if not isinstance(told, dict) or told.get("Type") != "SubscriptionConfirmation":
        return None
    topic, url = text(told.get("TopicArn")), text(told.get("SubscribeURL"))
    if not _is_of_sns(url):
        raise BadRequest(f"the SubscribeURL {url[:200]!a} is no https address of Amazon SNS; it was not opened")
    return Confirmation(topic[:_TOPIC_LETTERS], url)


def is_goodbye(message: Message) -> bool:
    """Whether a topic says that it sends nothing more. Its address is never opened: that would subscribe again."""
    return message.get("Type") == "UnsubscribeConfirmation"


def opened(told: object, *, depth: int = 0) -> Iterator[Message]:
    """Yield the messages that are in envelopes, or in none: records of S3, events of EventBridge, and others.

    Raises BadRequest for an envelope that cannot be opened.
    """
    if depth > _MOST_ENVELOPES:
        raise BadRequest(f"the body has more than {_MOST_ENVELOPES} envelopes, one in another")
    if isinstance(told, list) and told:
        inside: list[object] = told
    elif isinstance(told, dict):
        found = _inside(told)
        if found is None:
            yield told
            return
        inside = found
    else:
        raise BadRequest("the body is not a JSON object, and not a list of them")
    for one in inside:
        yield from opened(one, depth=depth + 1)


def _inside(told: dict[str, Any]) -> list[object] | None:
    """Return what is in an envelope, or None for a message."""
    match told:
        case {"Type": "Notification"}:  # SNS
            return [json_in(told.get("Message"), "Message")]
        case {"EventSource": "aws:sns"}:  # SNS, as Lambda has it
            return [told.get("Sns")]
        case {"eventSource": "aws:sqs"}:  # SQS, as Lambda and pipes have it
            return [json_in(told.get("body"), "body")]
        case {"MessageId": _, "Body": _}:  # SQS
            return [json_in(told.get("Body"), "Body")]
        case {"Records": _} | {"Messages": _}:
            return list(listed(told, "Records" if "Records" in told else "Messages"))
        case _:
            return None


def _is_of_sns(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and _SNS_HOST.fullmatch(parts.netloc) is not None and url.isascii()
