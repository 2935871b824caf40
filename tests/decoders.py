"""Decoders that serve one test after the other: to start one takes longer than most photos of tests."""

from typing import Any

from raythumbs.imaging.sandbox import Sandbox
from raythumbs.worker.plan import Plan

KEPT = 3  # each has a process
_idle: dict[object, Sandbox] = {}


class Lent:
    """A sandbox that is kept for the next test when it is closed."""

    def __init__(self, plan: Plan) -> None:
        self._key = tuple(plan.specs), plan.limits
        self._sandbox = _idle.pop(self._key, None) or Sandbox(plan.specs, plan.limits)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sandbox, name)

    def close(self) -> None:
        if self._key in _idle:
            self._sandbox.close()
            return
        _idle[self._key] = self._sandbox
        while len(_idle) > KEPT:
            _idle.pop(next(iter(_idle))).close()


def end_all() -> None:
    while _idle:
        _idle.popitem()[1].close()
