import pytest

from raythumbs.errors import Overloaded
from raythumbs.web.held import HeldBytes


def test_a_body_of_tiny_pieces_is_counted_with_what_the_pieces_take():
    held = HeldBytes(largest_bytes=1).hold()

    with pytest.raises(Overloaded):
        for _ in range(1_000_000):
            held.grow(1)


def test_small_bodies_have_memory_of_their_own():
    everything = HeldBytes(largest_bytes=1)
    with pytest.raises(Overloaded):
        while True:
            everything.hold().grow(1 << 20)

    for _ in range(1000):
        everything.hold().grow(60_000)

    with pytest.raises(Overloaded):
        for _ in range(1000):
            everything.hold().grow(60_000)


def test_what_is_released_can_be_held_again():
    everything = HeldBytes(largest_bytes=1)

    for _ in range(1000):
        held = everything.hold()
        held.grow(1000)
        held.grow(10 << 20)
        held.release()


def test_the_largest_body_that_is_taken_always_has_room():
    HeldBytes(largest_bytes=1 << 30).hold().grow(1 << 30)
