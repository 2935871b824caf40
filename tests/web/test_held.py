import pytest

from raythumbs.errors import BodyTooLarge, Overloaded
from raythumbs.web.held import HeldBytes


def test_each_piece_of_a_body_counts_with_its_overhead():
    held = HeldBytes(largest_bytes=1).hold()

    with pytest.raises(Overloaded):
        for _ in range(1_000_000):
            held.grow(b"x")


def test_small_bodies_have_memory_of_their_own():
    everything = HeldBytes(largest_bytes=1)
    with pytest.raises(Overloaded):
        while True:
            everything.hold().grow(bytes(1 << 20))

    for _ in range(1000):
        everything.hold().grow(bytes(60_000))

    with pytest.raises(Overloaded):
        for _ in range(1000):
            everything.hold().grow(bytes(60_000))


def test_released_memory_can_be_held_again():
    everything, most = HeldBytes(largest_bytes=1), bytes(60 << 20)

    for _ in range(2):
        held = everything.hold()
        held.grow(bytes(1000))
        held.grow(most)
        held.release()


def test_a_body_of_the_largest_size_always_has_room():
    HeldBytes(largest_bytes=1 << 28).hold().grow(bytes(1 << 28))


def test_a_body_of_very_many_values_is_refused_before_it_is_parsed():
    held = HeldBytes(largest_bytes=1).hold()

    with pytest.raises(BodyTooLarge):
        for _ in range(100):
            held.grow(b"{}," * 2000)
