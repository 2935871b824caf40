"""A queue of Amazon SQS, or of a compatible server. In this room because boto3 is: every call blocks.

Sources: Amazon SQS API Reference, "ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch",
"GetQueueAttributes".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config

from raythumbs.errors import StoreRefused, StoreUnavailable
from raythumbs.storage.credentials import InstanceCredentials, session_with
from raythumbs.storage.s3_answers import plain, translated

MOST_MESSAGES = 10  # of one call
_REGION = re.compile(
    r"(?:^|\.)sqs(?:-fips)?\.([a-z]{2,}-[a-z0-9-]+-\d+)\."  # sqs.eu-west-1.amazonaws.com, also of an endpoint of a VPC
    r"|^([a-z]{2,}-[a-z0-9-]+-\d+)\.queue\."  # eu-west-1.queue.amazonaws.com, the older form
)
_CONNECT_SECONDS, _ANSWER_SECONDS = 5, 10
_CONNECTIONS = 8  # more than there are pollers


@dataclass(frozen=True, slots=True)
class SqsMessage:
    """A message. `receipt` is this receipt's handle, by which the message is deleted, or hidden for longer."""

    id: str
    receipt: str
    body: str


class SqsQueue:
    """A queue by its URL. All methods raise StoreUnavailable for what may pass, StoreRefused for the rest."""

    def __init__(
        self,
        url: str,
        *,
        wait_seconds: int,
        region: str | None = None,
        instance_credentials: InstanceCredentials = "auto",
    ) -> None:
        self.url = url
        self._making = Lock()
        self._wait_seconds = wait_seconds
        self._region = region
        self._instance_credentials = instance_credentials

    @property
    def _client(self) -> Any:  # noqa: ANN401 as below
        with self._making:  # pollers share it, each in its own thread
            return self._made_client

    @cached_property
    def _made_client(self) -> Any:  # noqa: ANN401 there are no stubs of SQS among the test requirements
        """Made at the first call, so that wrong settings are trouble with this queue alone."""
        parts = urlsplit(self.url)
        config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=self._wait_seconds + _ANSWER_SECONDS,
            retries={"mode": "standard", "total_max_attempts": 2},  # for a lost socket; the poller waits and repeats
            max_pool_connections=_CONNECTIONS,
        )
        try:
            return session_with(self._instance_credentials).client(
                "sqs",
                region_name=region_of(self.url) or self._region or "us-east-1",
                endpoint_url=f"{parts.scheme}://{parts.netloc}",
                config=config,
            )
        except ValueError as error:  # which botocore raises for an address that is none
            raise StoreRefused(f"there can be no client for {plain(self.url)}: {plain(str(error))}") from error

    def receive(self, *, hidden_seconds: int) -> list[SqsMessage]:
        """Wait for messages, and return up to ten. They are hidden from others for this long."""
        with translated(self.url):
            answer = self._client.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=MOST_MESSAGES,
                WaitTimeSeconds=self._wait_seconds,
                VisibilityTimeout=hidden_seconds,
            )
        messages = answer.get("Messages", [])
        return [SqsMessage(one["MessageId"], one["ReceiptHandle"], one["Body"]) for one in messages]

    def delete(self, messages: Sequence[SqsMessage]) -> None:
        """Delete messages. A message that is not deleted comes again."""
        entries = [{"Id": str(at), "ReceiptHandle": one.receipt} for at, one in enumerate(messages)]
        if entries:
            with translated(self.url):
                answer = self._client.delete_message_batch(QueueUrl=self.url, Entries=entries)
            _raise_if_failed(answer, self.url)

    def hide(self, messages: Sequence[SqsMessage], *, seconds: int) -> None:
        """Hide messages for this long from now on; with 0, give them back."""
        entries = [
            {"Id": str(at), "ReceiptHandle": one.receipt, "VisibilityTimeout": seconds}
            for at, one in enumerate(messages)
        ]
        if entries:
            with translated(self.url):
                answer = self._client.change_message_visibility_batch(QueueUrl=self.url, Entries=entries)
            _raise_if_failed(answer, self.url)

    def has_dead_letter_queue(self) -> bool:
        """Return whether the queue moves a message away that was received too often (its redrive policy)."""
        with translated(self.url):
            answer = self._client.get_queue_attributes(QueueUrl=self.url, AttributeNames=["RedrivePolicy"])
        return bool(answer.get("Attributes", {}).get("RedrivePolicy"))

    def close(self) -> None:
        """Close the connections."""
        if "_made_client" in vars(self):
            self._client.close()


def region_of(url: str) -> str | None:
    """Return the region in the host name of a queue's URL, or None if it names none."""
    found = _REGION.search(urlsplit(url).hostname or "")
    return found and (found[1] or found[2])


def _raise_if_failed(answer: Any, url: str) -> None:  # noqa: ANN401 boto3's answer
    if failed := answer.get("Failed"):
        why = plain(str(failed[0].get("Message") or failed[0].get("Code")))
        raise StoreUnavailable(f"{url}: {len(failed)} messages were not changed: {why}")
