"""A photo with what became of it."""

from dataclasses import dataclass

from raythumbs.model.job import Job, State
from raythumbs.model.photo import Photo


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPhoto:
    """A photo, its newest job, and the state of that job.

    `job` is None if the job was pruned. `state` is known even then; it is None if the photo was deleted before.
    """

    photo: Photo
    job: Job | None
    state: State | None
