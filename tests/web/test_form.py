from contextlib import suppress
from itertools import pairwise

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
    merged = []
    for event in events:
        if isinstance(event, PartData) and merged and isinstance(merged[-1], PartData):
            merged[-1] = PartData(merged[-1].data + event.data)
        elif not (isinstance(event, PartData) and not event.data):
            merged.append(event)
    return merged


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


@given(body=some.binary(max_size=300))
def test_a_random_body_is_refused_or_read(body):
    reader = FormReader("multipart/form-data; boundary=x")

    with suppress(BadRequest):
        reader.feed(b"--x\r\n" + body)
        reader.finish()
