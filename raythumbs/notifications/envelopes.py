"""Opens the envelopes in which Amazon delivers S3 events: messages of SNS and SQS, also as Lambda and pipes have them.

Sources: Amazon SNS Developer Guide, "Parsing message formats"; AWS Lambda Developer Guide, "Using Lambda with Amazon
SQS" and "… Amazon SNS"; Amazon SQS API Reference, "ReceiveMessage"; Amazon EventBridge User Guide, "Pipes".
"""

from collections.abc import Iterator, Mapping
from typing import Any

from raythumbs.errors import BadRequest
from raythumbs.notifications.event import json_in, listed

Message = Mapping[str, Any]

_MOST_ENVELOPES = 8  # one in another: a list of a pipe's SQS records, with SNS in each, are five


def is_unsubscription(message: Message) -> bool:
    """Return whether a topic reports the end of a subscription. Its URL is never opened: that would subscribe again."""
    return message.get("Type") == "UnsubscribeConfirmation"


def opened(body: object, *, depth: int = 0) -> Iterator[Message | BadRequest]:
    """Yield the messages of a body, without their envelopes: records of S3, events of EventBridge, and others.

    In place of an envelope that cannot be opened, yield the reason: those beside it are opened.
    """
    try:
        inside = _contents(body, depth)
    except BadRequest as error:
        yield error
        return
    if inside is None:
        assert isinstance(body, dict)  # noqa: S101 only an object is a message
        yield body
        return
    for one in inside:
        yield from opened(one, depth=depth + 1)


def _contents(body: object, depth: int) -> list[object] | None:
    """Return what is in a list or in an envelope, or None for a message."""
    if depth > _MOST_ENVELOPES:
        raise BadRequest(f"the body has more than {_MOST_ENVELOPES} envelopes, one in another")
    if isinstance(body, list) and body:
        return body
    if isinstance(body, dict):
        return _inside(body)
    raise BadRequest("the body is not a JSON object, and not a list of them")


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
