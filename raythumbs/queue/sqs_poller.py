"""The poller: takes a bucket's events out of a queue of Amazon SQS, and deletes a message once its jobs are on disk.

Each receipt of a message counts towards the limit after which SQS moves it to a dead-letter queue. So while the service
can take no work, the poller receives nothing, and keeps the messages that it has.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from raythumbs.errors import BadRequest, DatabaseUnavailable, Overloaded, RaythumbsError, StoreRefused
from raythumbs.events import emit, emit_trouble, known
from raythumbs.model.job import Change
from raythumbs.model.quarantine import QuarantinedMessage
from raythumbs.notifications import sqs
from raythumbs.notifications.changes import Wanted, with_sources
from raythumbs.queue.admission import Admission
from raythumbs.queue.entry import Answers, Entry
from raythumbs.queue.pace import Pace

if TYPE_CHECKING:
    from raythumbs.storage.sqs import SqsMessage, SqsQueue

T = TypeVar("T")
Quarantine = Callable[[QuarantinedMessage], Awaitable[None]]
Refused = dict[str, tuple["SqsMessage", RaythumbsError]]  # by the ids of the messages

_HIDDEN_SECONDS = 60  # more than a write may take; renewed while messages wait for the database
_LONGEST_WAIT_SECONDS = 60.0  # for SQS
_LONGEST_HOLD_SECONDS = 5.0  # between two tries to write; the end of the service waits as long


class SqsPoller:
    """Receives messages and takes their events in, one batch after the other. Several pollers may share a queue.

    `is_draining` says whether to receive nothing new. `quarantine` keeps a message that cannot be understood.
    """

    def __init__(  # noqa: PLR0913 what a poller works with
        self,
        queue: "SqsQueue",
        entry: Entry,
        wanted: Wanted,
        *,
        admission: Admission,
        is_draining: Callable[[], bool],
        pace: Pace,
        quarantine: Quarantine,
    ) -> None:
        self._queue = queue
        self._entry = entry
        self._wanted = wanted
        self._admission = admission
        self._is_draining = is_draining
        self._pace = pace
        self._quarantine = quarantine
        self._thread = ThreadPoolExecutor(1, "sqs")  # its own, because it waits for messages most of the time
        self._in_hand = asyncio.Lock()
        self._failures = 0

    async def run_once(self) -> None:
        """Receive messages and take them in, until there are none, or the service takes no more work."""
        try:
            while not self._is_draining():
                self._admission.check()
                messages = await self._call(partial(self._queue.receive, hidden_seconds=_HIDDEN_SECONDS))
                self._failures = 0
                if not messages:
                    return
                async with self._in_hand:
                    await self._take(messages)
        except Overloaded:  # the event `pressure.changed` says so; the next iteration looks again
            return
        except RaythumbsError as error:
            self._failures += 1
            wait = min(_LONGEST_WAIT_SECONDS, self._pace.backoff(self._failures))
            emit_trouble("sqs.troubled", error, queue=self._queue.url)
            await asyncio.sleep(wait)

    async def settle(self) -> None:
        """Return when the messages in hand are taken in, or given back."""
        async with self._in_hand:
            pass

    def close(self) -> None:
        """Close the connections, without waiting for an answer."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._queue.close()

    async def _take(self, messages: Sequence["SqsMessage"]) -> None:
        read, refused = self._read(messages)
        with_changes = [(message, changes) for message, changes in read if changes]
        answers = await self._insist(messages, [changes for _, changes in with_changes])
        if answers is None:
            return
        done = [message for message, changes in read if not changes]
        for (message, _), answer in zip(with_changes, answers, strict=True):
            if isinstance(answer, RaythumbsError):
                refused[message.id] = (message, answer)
            else:
                done.append(message)
        done = [message for message in done if message.id not in refused]  # of these, some events may be taken in
        await self._call(partial(self._queue.delete, done))
        emit("sqs.taken", messages=len(done), refused=len(refused))
        for message, error in refused.values():
            await self._set_aside(message, error)

    def _read(self, messages: Sequence["SqsMessage"]) -> tuple[list[tuple["SqsMessage", list[Change]]], Refused]:
        """Return the changes of each message, and the messages that cannot be understood."""
        read: list[tuple[SqsMessage, list[Change]]] = []
        refused: Refused = {}
        for message in messages:
            try:
                found = with_sources(sqs.read(message.body), proven=True)
                read.append((message, self._wanted.changes_of(found.events)))
                if found.faults:
                    refused[message.id] = (message, BadRequest(found.faults[0]))
            except Exception as error:  # noqa: BLE001 a message that meets a bug does not stop the others
                refused[message.id] = (message, known("sqs.stumbled", error))
        return read, refused

    async def _insist(self, messages: Sequence["SqsMessage"], groups: Sequence[Sequence[Change]]) -> Answers | None:
        """Enqueue the groups, however long the database is away. Return None if the queue drained before."""
        tries = 0
        while groups:
            answers = await self._tried(groups)
            trouble = next((one for one in answers if isinstance(one, DatabaseUnavailable | Overloaded)), None)
            if trouble is None:
                return answers
            if self._is_draining():
                await self._call(partial(self._queue.hide, messages, seconds=0))
                return None
            tries += 1
            emit_trouble("sqs.held", trouble, messages=len(messages))
            await self._call(partial(self._queue.hide, messages, seconds=_HIDDEN_SECONDS))
            await asyncio.sleep(min(_LONGEST_HOLD_SECONDS, self._pace.backoff(tries)))
        return []

    async def _tried(self, groups: Sequence[Sequence[Change]]) -> Answers:
        try:
            return await self._entry.enqueue(groups)
        except Overloaded as error:
            return [error] * len(groups)

    async def _set_aside(self, message: "SqsMessage", error: RaythumbsError) -> None:
        """Leave a message that was not taken in to the queue's dead-letter queue. If it has none, quarantine it.

        It stays in the queue if the fault is not its own.
        """
        emit_trouble("sqs.refused", error, message_id=message.id, queue=self._queue.url)
        body = message.body.encode(errors="replace")
        kept = QuarantinedMessage.of("sqs", body, reason=error.reason, headers={})
        if not isinstance(error, BadRequest) or await self._may_have_dead_letters():
            return
        try:
            await self._quarantine(kept)
        except Exception as trouble:  # noqa: BLE001 the message stays, and the others go on
            emit_trouble("sqs.troubled", known("sqs.stumbled", trouble), queue=self._queue.url)
        else:
            await self._call(partial(self._queue.delete, [message]))

    async def _may_have_dead_letters(self) -> bool:
        try:
            return await self._call(self._queue.has_dead_letter_queue)
        except StoreRefused:  # these credentials may not ask (sqs:GetQueueAttributes)
            return True

    async def _call(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)
