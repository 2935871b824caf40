from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from raythumbs.errors import BadRequest
from raythumbs.web.form import FormReader, PartBegun, PartData, PartEnded

BODY = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    b"photo\r\n--not the end\r\n--\r\nphoto\r\n"
    b'--x\r\nContent-Disposition: form-data; name="folderId"\r\n\r\nholiday\r\n--x--\r\n'
)


def joined(events):
    """Return the events, with adjacent data joined."""
    kept = []
    for event in events:
        if isinstance(event, PartData) and kept and isinstance(kept[-1], PartData):
            kept[-1] = PartData(kept[-1].data + event.data)
        elif not (isinstance(event, PartData) and not event.data):
            kept.append(event)
    return kept


@given(cuts=some.lists(some.integers(0, len(BODY)), max_size=12))
def test_a_form_gives_the_same_events_however_its_bytes_are_split(cuts):
    edges = [0, *sorted(cuts), len(BODY)]
    reader = FormReader("multipart/form-data; boundary=x")

    events = [event for a, b in pairwise(edges) for event in reader.feed(BODY[a:b])]
    reader.finish()

    assert joined(events) == [
        PartBegun("file", "a.jpg"),
        PartData(b"photo\r\n--not the end\r\n--\r\nphoto"),
        PartEnded(),
        PartBegun("folderId", None),
        PartData(b"holiday"),
        PartEnded(),
    ]


@given(cuts=some.lists(some.integers(0, len(BODY) + 60), max_size=12))
def test_what_comes_before_the_first_and_after_the_last_boundary_says_nothing(cuts):
    body = b"This is a form.\r\n--xy\r\nx--x\r\n" + BODY + b"The end.\r\n--x\r\n"
    edges = [0, *sorted(cuts), len(body)]
    reader = FormReader("multipart/form-data; boundary=x")

    events = [event for a, b in pairwise(edges) for event in reader.feed(body[a:b])]
    reader.finish()

    assert [event.field for event in events if isinstance(event, PartBegun)] == ["file", "folderId"]


def test_a_body_without_the_boundary_of_its_type_is_refused_before_much_of_it_is_kept():
    reader = FormReader("multipart/form-data; boundary=x")

    with pytest.raises(BadRequest, match="does not begin"):
        reader.feed(b"y" * 20_000)
    with pytest.raises(BadRequest, match="has no part"):
        FormReader("multipart/form-data; boundary=x").finish()


@given(body=some.binary(max_size=300))
def test_a_random_body_is_refused_or_read(body):
    reader = FormReader("multipart/form-data; boundary=x")

    with suppress(BadRequest):
        reader.feed(b"--x\r\n" + body)
        reader.finish()
