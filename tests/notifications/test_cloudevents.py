"""CloudEvents in their three forms, as their own package writes them and as the specification has them."""

import json
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as Theirs
from hypothesis import given
from hypothesis import strategies as st

from raythumbs.errors import BadRequest, NotJson, Unauthorised
from raythumbs.notifications import azure, cloudevents, s3
from tests.notifications.test_azure import CLOUD_EVENT as OF_AZURE
from tests.notifications.test_gcs import RESOURCE

STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}
BATCHED = {"content-type": "application/CloudEvents-batch+JSON"}
RECORD = {
    "eventName": "ObjectCreated:Put",
    "eventSource": "aws:s3",
    "s3": {"bucket": {"name": "photos"}, "object": {"key": "a%2Bb+c.jpg", "size": 9, "sequencer": "0A"}},
}
EVENT = {
    "specversion": "1.0", "id": "R1.H1", "source": "aws:s3.eu-central-1.photos",
    "type": "com.amazonaws.s3.ObjectCreated:Put", "subject": "a b.jpg", "time": "2026-11-23T12:00:00Z",
    "datacontenttype": "application/json", "data": RECORD,
}  # fmt: skip
HEADERS = {"content-type": "application/json", "ce-specversion": "1.0", "ce-id": "1", "ce-source": "x", "ce-type": "y"}


def read(value, headers=STRUCTURED, *, token=None):
    return cloudevents.read(json.dumps(value).encode(), headers, token=token)


# --- what events report


@pytest.mark.parametrize("data", [RECORD, {"Records": [RECORD]}])
def test_an_event_of_s3_is_read_as_its_record_is(data):
    [event] = read(EVENT | {"data": data}).events

    assert event == s3.read(json.dumps({"Records": [RECORD]}).encode(), {}, token=None).events[0]
    assert event.source == "s3://photos/a+b c.jpg"


def test_an_event_of_azure_is_read_as_event_grid_sends_it():
    assert read(OF_AZURE) == azure.read(json.dumps(OF_AZURE).encode(), {}, given_secret="", secret=None)


def test_an_event_of_eventarc_is_read():
    of_google = EVENT | {"type": "google.cloud.storage.object.v1.finalized", "data": RESOURCE}

    [event] = read(of_google).events

    assert (event.source, event.sequence) == ("s3://photos/a b/c+d%20.jpg", "gcs:00001587627537231057")


@pytest.mark.parametrize("data", [None, 5, "x", [], {}, {"x": 1}])
def test_an_event_of_something_else_is_not_understood(data):
    with pytest.raises(BadRequest):
        read(EVENT | {"type": "com.example.other", "data": data})


# --- forms


def test_a_batch_has_several_events_and_may_be_empty():
    assert len(read([EVENT, OF_AZURE], BATCHED).events) == 2
    assert read([], BATCHED).events == ()


def test_one_event_of_a_batch_that_cannot_be_understood_leaves_the_others():
    found = read([EVENT, EVENT | {"id": ""}, 5], BATCHED | {"authorization": "Bearer sesame"}, token="sesame")

    assert (len(found.events), len(found.faults)) == (1, 2)


def test_data_may_be_base64():
    encoded = {name: value for name, value in EVENT.items() if name != "data"}
    encoded["data_base64"] = b64encode(json.dumps(RECORD).encode()).decode()

    assert read(encoded) == read(EVENT)


def test_a_binary_event_has_its_attributes_in_headers():
    headers = HEADERS | {"ce-id": EVENT["id"], "ce-source": EVENT["source"], "ce-type": EVENT["type"]}

    assert read(RECORD, headers) == read(EVENT)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ('"Euro%20%E2%82%AC"', "Euro €"),
        ('"a \\"b\\""', 'a "b"'),
        ("%2525", "%25"),
        ("a+b", "a+b"),
        ("%", "%"),
    ],
)
def test_a_header_is_unquoted_and_then_decoded_once(header, value):
    [event] = cloudevents.events_of(b"{}", HEADERS | {"ce-subject": header})

    assert event.subject == value


@pytest.mark.parametrize("header", ["%C0%A0", "%ff", "%ED%A0%80", "\xff"])
def test_a_header_that_is_not_utf_8_is_refused(header):
    with pytest.raises(BadRequest):
        cloudevents.events_of(b"{}", HEADERS | {"ce-id": header})


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=30)


@given(subject=TEXTS, source=TEXTS, data=st.dictionaries(TEXTS, TEXTS))
def test_what_the_packages_own_writer_writes_is_read_as_it_was_meant(subject, source, data):
    attributes = {"type": "com.example", "source": source, "subject": subject, "id": "1", "specversion": "1.0",
                  "time": datetime(2026, 11, 23, tzinfo=UTC), "datacontenttype": "application/json"}  # fmt: skip
    theirs = Theirs(attributes, data)
    ours = cloudevents.CloudEvent(id="1", source=source, type="com.example", subject=subject, data=data)

    for message in (to_binary_event(theirs, JSONFormat()), to_structured_event(theirs, JSONFormat())):
        headers = {name.lower(): value for name, value in message.headers.items()}
        assert cloudevents.events_of(message.body, headers) == [ours]


# --- refusals


@pytest.mark.parametrize(
    "wrong",
    [{"specversion": "0.3"}, {"specversion": 1.0}, {"id": ""}, {"id": 5}, {"source": None}, {"type": []},
     {"type": "x" * 5000}, {"subject": 5}, {"data_base64": "e30="}],
)  # fmt: skip
def test_an_event_without_what_it_must_have_is_a_bad_request(wrong):
    with pytest.raises(BadRequest):
        read(EVENT | wrong)


@pytest.mark.parametrize(
    ("body", "headers"),
    [(b"", STRUCTURED), (b"[]", STRUCTURED), (b"{}", BATCHED), (b"{}", {}), (b"x", HEADERS), (b"\xff", STRUCTURED),
     (b"{}", HEADERS | {"content-type": "image/jpeg"}), (json.dumps([EVENT] * 1001).encode(), BATCHED)],
)  # fmt: skip
def test_a_body_that_is_no_event_is_a_bad_request(body, headers):
    with pytest.raises(BadRequest):
        cloudevents.read(body, headers, token=None)


@pytest.mark.parametrize("format_", ["", "+xml", "+avro", "-batch+xml"])
def test_another_format_of_events_is_refused_as_such(format_):
    with pytest.raises(NotJson):
        cloudevents.read(b"{}", {"content-type": f"application/cloudevents{format_}"}, token=None)


def test_with_a_token_only_a_request_that_brings_it_is_read():
    with pytest.raises(Unauthorised):
        read(EVENT, token="sesame")
    assert len(read(EVENT, STRUCTURED | {"authorization": "Bearer sesame"}, token="sesame").events) == 1
