"""The JSON of replies about quarantine."""

from typing import Self

from pydantic import Field

from raythumbs.model.quarantine import Quarantined, QuarantinedMessage
from raythumbs.web.bodies import Body, Moment


class QuarantinedBody(Body):
    """A message in quarantine, without its body."""

    id: str
    sender: str = Field(description="the last part of the address that it was sent to")
    reason: str = Field(description="why it cannot be understood, or which part of it")
    size_bytes: int = Field(description="size of its body")
    received_at: Moment


class QuarantineBody(Body):
    """All messages in quarantine, the newest first."""

    messages: list[QuarantinedBody]

    @classmethod
    def of(cls, messages: list[Quarantined]) -> Self:
        """Describe the messages."""
        return cls(messages=[QuarantinedBody.of_word(message) for message in messages])


class QuarantinedMessageBody(QuarantinedBody):
    """A message in quarantine."""

    headers: dict[str, str] = Field(description="the headers that matter; secrets are left out")
    body: str = Field(description="its body; bytes that are no text are escaped")

    @classmethod
    def of(cls, message: QuarantinedMessage) -> Self:
        """Describe a message."""
        return cls.of_word(message.about, body=message.body.decode(errors="backslashreplace"))
