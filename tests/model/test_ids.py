from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from raythumbs.model.ids import new_id

MILLISECONDS = st.integers(min_value=0, max_value=(1 << 48) - 4)


@given(before=MILLISECONDS, after=MILLISECONDS)
def test_ids_sort_by_the_time_when_they_were_made(before: int, after: int) -> None:
    before, after = sorted((before, after))

    earlier = new_id(now=before / 1000, random=lambda size: b"\xff" * size)
    later = new_id(now=(after + 2) / 1000, random=bytes)

    assert earlier < later


@given(now=MILLISECONDS, chance=st.binary(min_size=10, max_size=10))
def test_an_id_is_a_uuid_of_version_7(now: int, chance: bytes) -> None:
    uuid = UUID(new_id(now=now / 1000, random=lambda _: chance))

    assert (uuid.version, uuid.variant) == (7, RFC_4122)


def test_an_id_contains_the_time_when_it_was_made() -> None:
    uuid = UUID(new_id(now=1_700_000_000.125))

    assert uuid.int >> 80 == 1_700_000_000_125


@given(chance=st.binary(min_size=10, max_size=10))
def test_all_bits_but_the_six_fixed_ones_are_random(chance: bytes) -> None:
    uuid = UUID(new_id(now=0.0, random=lambda _: chance))

    assert uuid.int & ~(0b1111 << 76 | 0b11 << 62) == int.from_bytes(chance, "big") & ~(0b1111 << 76 | 0b11 << 62)


def test_ids_made_in_the_same_moment_differ() -> None:
    ids = {new_id(now=0.0) for _ in range(1000)}

    assert len(ids) == 1000
