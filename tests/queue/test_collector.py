"""What is left over is deleted, unless the service takes no more work."""

import asyncio

import pytest

from raythumbs.errors import Overloaded
from raythumbs.queue.collector import Collector


class Full:
    """An admission that refuses."""

    def check(self) -> None:
        raise Overloaded("the disk is full")


class Untouched:
    """A record that nobody may use."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(name)


def test_over_the_limits_nothing_is_deleted_that_might_have_to_be_made_again():
    with pytest.raises(Overloaded):
        asyncio.run(Collector(Untouched(), Untouched(), Full()).run_once())
