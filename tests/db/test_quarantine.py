"""Messages that cannot be understood, as rows."""

import pytest

from raythumbs.db.quarantine import Quarantine
from raythumbs.errors import UnknownMessage
from raythumbs.model.quarantine import Quarantined, QuarantinedMessage


def a_message(number: int = 1, body: bytes = b"\x00\xff{") -> QuarantinedMessage:
    about = Quarantined(
        id=f"{number:032d}",
        sender="s3",
        reason="the body is not JSON",
        headers={"user-agent": "a \\ é"},
        size_bytes=len(body),
    )
    return QuarantinedMessage(about=about, body=body)


class Kept:
    """The quarantine, each verb in a transaction of its own."""

    def __init__(self, database, clock):
        self._database = database
        self._clock = clock

    def keep(self, message, **bounds):
        with self._database.writing() as connection:
            return Quarantine(connection).keep(message, now=self._clock.now, **bounds)

    def drop(self, message_id):
        with self._database.writing() as connection:
            Quarantine(connection).drop(message_id)

    def list(self):
        with self._database.reading() as connection:
            return Quarantine(connection).list()

    def get(self, message_id):
        with self._database.reading() as connection:
            return Quarantine(connection).get(message_id)


@pytest.fixture
def kept(database, clock):
    return Kept(database, clock)


def test_a_message_is_kept_as_it_came_with_the_time(kept, clock):
    kept.keep(a_message())

    message = kept.get(a_message().about.id)

    assert message.body == b"\x00\xff{"
    assert message.about.headers == {"user-agent": "a \\ é"}
    assert message.about.received_at == clock.now
    assert kept.list() == [message.about]


def test_a_repeated_message_is_kept_once(kept, clock):
    kept.keep(a_message())
    first = clock.now
    clock.advance(seconds=5)

    kept.keep(a_message())

    assert [about.received_at for about in kept.list()] == [first]


def test_the_newest_come_first_and_the_oldest_are_dropped_beyond_the_bound(kept, clock):
    dropped = []
    for number in range(5):
        clock.advance(seconds=1)
        dropped.append(kept.keep(a_message(number), most=3))

    assert [about.id for about in kept.list()] == [a_message(number).about.id for number in (4, 3, 2)]
    assert dropped == [0, 0, 0, 1, 1]


def test_large_messages_drop_the_oldest_ones_but_never_themselves(kept, clock):
    for number, size_bytes in enumerate((40, 30, 30)):
        clock.advance(seconds=1)
        kept.keep(a_message(number, b"x" * size_bytes), most_bytes=99)
    after_three = [about.id for about in kept.list()]
    clock.advance(seconds=1)

    dropped = kept.keep(a_message(3, b"x" * 100), most_bytes=99)

    assert after_three == [a_message(number).about.id for number in (2, 1)]
    assert (dropped, [about.id for about in kept.list()]) == (2, [a_message(3).about.id])


def test_a_body_of_the_largest_request_is_kept_whole(kept):
    body = bytes(range(256)) * (4 << 20 >> 8)

    kept.keep(QuarantinedMessage.of("s3", body, reason="?", headers={}))

    [about] = kept.list()
    assert (about.size_bytes, kept.get(about.id).body) == (len(body), body)


def test_a_message_is_dropped_once(kept):
    kept.keep(a_message())
    kept.drop(a_message().about.id)

    for verb in (kept.drop, kept.get):
        with pytest.raises(UnknownMessage):
            verb(a_message().about.id)
    assert kept.list() == []
