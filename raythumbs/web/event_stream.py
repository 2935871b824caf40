"""A response that is a stream of events (HTML standard, "Server-sent events")."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from raythumbs.web.places import Place

HEARTBEAT = ": nothing has changed\n\n"  # a comment, which clients skip; proxies see that the connection is in use
_RETRY_MILLISECONDS = 2000
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # the latter is for nginx, which collects answers


def event(name: str, data: str, *, last_id: str) -> str:
    """Return an event as text. `data` is one line. A client that comes back sends the id of the last event it got."""
    return f"id: {last_id}\nevent: {name}\nretry: {_RETRY_MILLISECONDS}\ndata: {data}\n\n"


class EventStream(StreamingResponse):
    """Sends events until there are no more, or the client leaves. It then closes their source, and frees its place."""

    def __init__(self, events: AsyncGenerator[str, None], place: Place) -> None:
        super().__init__(events, media_type="text/event-stream", headers=_HEADERS)
        self._events = events
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        try:
            async with aclosing(self._events):
                await super().__call__(scope, receive, send)
        finally:
            self._place.leave()
