"""The JSON about webhooks."""

from collections.abc import Sequence
from typing import Self

from pydantic import Field

from raythumbs.model.webhook import EndpointState
from raythumbs.web.bodies import Body, Moment


class EndpointBody(Body):
    """An endpoint of webhooks, and how the deliveries to it go."""

    id: str
    url: str
    disabled_at: Moment | None = Field(description="when it answered 410; nothing is sent to it any more")
    delivered_at: Moment | None = Field(description="when it last took a message")
    failed_at: Moment | None = Field(description="when an attempt last failed")
    error: str | None = Field(description="why that attempt failed")
    waiting: int = Field(description="messages that wait for an attempt")
    given_up: int = Field(description="messages whose attempts are spent")


class WebhooksBody(Body):
    """The endpoints of webhooks."""

    endpoints: list[EndpointBody]

    @classmethod
    def of(cls, states: Sequence[EndpointState]) -> Self:
        """Describe the endpoints."""
        return cls(endpoints=[EndpointBody.of_word(state) for state in states])
