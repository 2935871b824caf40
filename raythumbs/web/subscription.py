"""Confirms a subscription to a topic of Amazon SNS."""

import asyncio
from http import HTTPStatus

from raythumbs.errors import RaythumbsError
from raythumbs.events import emit, emit_trouble
from raythumbs.notifications.sns import Confirmation

_SECONDS = 5.0  # SNS waits 15 s for the answer


class NotConfirmed(RaythumbsError):
    """A subscription that waits for a person, because its address could not be opened."""

    code = "not_confirmed"


async def confirm(asked: Confirmation) -> None:
    """Open the URL that confirms, which is Amazon's: see `envelopes.confirmation`. If that fails, write it to the log.

    This raises nothing. SNS would ask only three times more within a minute, and a person has three days to confirm.
    """
    try:
        async with asyncio.timeout(_SECONDS):
            status = await get_status(asked.url)
        if status != HTTPStatus.OK:
            raise NotConfirmed(f"Amazon SNS answered {status}")  # noqa: TRY301 one place tells what to do
    except (NotConfirmed, TimeoutError) as error:
        why = (
            f"{error or 'Amazon SNS did not answer'}; open the url in a browser within three days, or let SNS ask again"
        )
        emit_trouble("subscription.unconfirmed", NotConfirmed(why), topic=asked.topic, url=asked.url)
    else:
        emit("subscription.confirmed", topic=asked.topic)


def leave_unconfirmed(asked: Confirmation) -> None:
    """Write to the log that a topic of an unproven sender waits, and how to let it send its messages."""
    why = "this topic is not known: to confirm it, name it in RAYTHUMBS_SNS_TOPICS and let SNS ask again"
    emit_trouble("subscription.unconfirmed", NotConfirmed(why), topic=asked.topic, url=asked.url)


async def get_status(url: str) -> int:
    """Return the status that an address answers, or raise NotConfirmed. Redirects are not followed."""
    import httpx2  # 2 MB in each process, and few services are asked

    try:
        async with httpx2.AsyncClient(timeout=_SECONDS) as client, client.stream("GET", url) as reply:
            return reply.status_code  # its body says nothing that is needed
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise NotConfirmed(f"Amazon SNS could not be reached ({type(error).__name__})") from error
