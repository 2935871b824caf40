"""Commands that run in the process of pytest."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """Take back what a command hides from the log: later tests of this process look at warnings."""
    log = logging.getLogger("raythumbs")
    level = log.level
    yield
    log.setLevel(level)
