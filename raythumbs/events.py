"""The one way to say that something happened: `emit("job.released", job_id=..., after_seconds=...)`."""

import json
import logging

_log = logging.getLogger("raythumbs")


def emit(event: str, **facts: object) -> None:
    """Write one line: the event's name in the past tense, and its facts as JSON. Never put a secret into a fact."""
    if _log.isEnabledFor(logging.INFO):
        _log.info("%s %s", event, json.dumps(facts, default=str, sort_keys=True))


def emit_trouble(event: str, error: BaseException, **facts: object) -> None:
    """Write one line about something that should not have happened, with its traceback."""
    _log.error("%s %s", event, json.dumps(facts, default=str, sort_keys=True), exc_info=error)
