"""The entry: where changes come into the record, from the doors and from a queue of SQS."""

import asyncio
from collections.abc import Mapping, Sequence

from raythumbs.db.intake_groups import enqueue_groups
from raythumbs.db.record import Record
from raythumbs.errors import RaythumbsError
from raythumbs.events import emit
from raythumbs.model.job import Change, Job
from raythumbs.queue.admission import Admission

Answers = list[Mapping[str, Job] | RaythumbsError]


class Entry:
    """Takes groups of changes in, for one of the shards. `wake` tells the dispatcher that there is work."""

    def __init__(self, record: Record, admission: Admission, *, wake: asyncio.Event, shards: int, shard: int) -> None:
        self._record = record
        self._admission = admission
        self._wake = wake
        self._shards = shards
        self._shard = shard

    async def enqueue(self, groups: Sequence[Sequence[Change]]) -> Answers:
        """Make jobs of each group of changes, with one commit for all groups; see Intake.enqueue.

        Return each group's jobs by their sources, or the group's own error. When it returns, they are on disk. Raises
        Overloaded if no more work may be taken.
        """
        self._admission.check()
        answers = await enqueue_groups(self._record, groups, shards=self._shards, shard=self._shard)
        jobs = sum(len(answer) for answer in answers if not isinstance(answer, RaythumbsError))
        self._admission.took(jobs)
        emit("jobs.enqueued", jobs=jobs, changes=sum(map(len, groups)))
        self._wake.set()
        return answers
