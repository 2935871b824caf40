"""Reusable memory with a descriptor."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raythumbs.storage.buffers import BufferFile, Buffers


def filled(buffers: Buffers, data: bytes) -> BufferFile:
    buffer = buffers.take(len(data))
    with buffer.view() as view:
        view[:] = data
    return BufferFile(buffers, buffer)


@given(photos=st.lists(st.binary(min_size=1, max_size=10_000), max_size=20))
def test_a_reused_buffer_has_nothing_of_the_last_photo(photos):
    buffers = Buffers()

    for photo in photos:
        with filled(buffers, photo) as file:
            with os.fdopen(os.dup(file.fileno()), "rb") as elsewhere:
                assert elsewhere.read() == photo
            assert os.fstat(file.fileno()).st_size == len(photo)


def test_photos_at_the_same_time_have_separate_buffers():
    buffers = Buffers()

    files = [filled(buffers, bytes([number]) * 5000) for number in range(6)]

    assert [file.read() for file in files] == [bytes([number]) * 5000 for number in range(6)]


@pytest.mark.parametrize(("size_bytes", "most"), [(5, 32), (5_000_000, 3)])
def test_a_bounded_number_of_unused_buffers_is_kept(size_bytes, most):
    buffers = Buffers()
    before = descriptors()
    files = [filled(buffers, bytes(size_bytes)) for _ in range(40)]
    a_buffer = (descriptors() - before) / 40

    for file in files:
        file.close()
        file.close()

    assert (descriptors() - before) / a_buffer == most


def test_as_many_buffers_are_kept_as_are_in_use():
    buffers = Buffers()
    files = [filled(buffers, bytes(5_000_000)) for _ in range(12)]
    before = descriptors()

    for file in files[:6]:
        file.close()

    assert descriptors() == before

    for file in files[6:]:
        file.close()

    assert descriptors() < before


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
