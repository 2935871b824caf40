"""New requests for jobs."""

from raythumbs.model.ids import new_id
from raythumbs.model.job import JobRequest, Priority
from raythumbs.web.dependencies import Dependencies


def job_request(deps: Dependencies, source: str, priority: Priority) -> JobRequest:
    """Return a request for a new job, and a new photo if the source is not known."""
    now = deps.now()
    return JobRequest(job_id=new_id(now=now), photo_id=new_id(now=now), source=source, priority=priority)
