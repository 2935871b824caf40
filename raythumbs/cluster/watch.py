"""Watches the two vital processes of a local Ray: without either, it does not recover."""

import os
import select
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import psutil

_VITAL = {"gcs_server", "raylet"}


@contextmanager
def watched(lost: Callable[[str], None]) -> Iterator[None]:
    """Call `lost`, in a thread, with the name of the vital child of this process that ended before the context did."""
    leaving = os.eventfd(0)
    vital = [child for child in psutil.Process().children() if child.name() in _VITAL]
    watched_for = {os.pidfd_open(child.pid): child.name() for child in vital}
    thread = threading.Thread(target=_await, args=(leaving, watched_for, lost), name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.eventfd_write(leaving, 1)
        thread.join()
        for descriptor in (leaving, *watched_for):
            os.close(descriptor)


def _await(leaving: int, watched_for: Mapping[int, str], lost: Callable[[str], None]) -> None:
    poll = select.poll()
    for descriptor in (leaving, *watched_for):
        poll.register(descriptor, select.POLLIN)
    ended = [descriptor for descriptor, _ in poll.poll()]
    if leaving not in ended:
        lost(watched_for[ended[0]])
