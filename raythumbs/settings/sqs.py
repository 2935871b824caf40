"""The queue of Amazon SQS that upload notifications are read from."""

import re

from pydantic import BaseModel, Field, field_validator

_QUEUE = re.compile(r"https?://[A-Za-z0-9_.\[\]:-]+/[A-Za-z0-9_./-]*[A-Za-z0-9_-]+(\.fifo)?")


class Sqs(BaseModel):
    """The queue to poll."""

    sqs_queue_url: str | None = Field(
        None,
        description="URL of the Amazon SQS queue that a bucket's events go to: "
        "`https://sqs.eu-central-1.amazonaws.com/123456789012/photos`. The service reads the events from it, and needs "
        "no address that Amazon can reach.",
    )

    @field_validator("sqs_queue_url")
    @classmethod
    def _a_queue(cls, url: str | None) -> str | None:
        if url is not None and not _QUEUE.fullmatch(url):
            raise ValueError("is not the URL of a queue, such as https://sqs.eu-central-1.amazonaws.com/123/photos")
        return url
