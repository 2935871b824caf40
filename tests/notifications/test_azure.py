"""Events of Azure Blob Storage, in both schemas of Event Grid."""

import json

import pytest

from raythumbs.errors import BadRequest, Unauthorised
from raythumbs.notifications import azure
from raythumbs.notifications.azure import Validation
from raythumbs.notifications.event import RemovalEvent

SUBJECT = "/blobServices/default/containers/test-container/blobs/new folder/a+b%20.txt/blobs/c.jpg"
SOURCE = "s3://test-container/new folder/a+b%20.txt/blobs/c.jpg"
DATA = {
    "api": "PutBlockList", "clientRequestId": "6d79dbfb-0e37-4fc4-981f-442c9ca65760", "eTag": "0x8D4BCC2E4835CD0",
    "contentType": "image/jpeg", "contentLength": 524288, "blobType": "BlockBlob",
    "url": "https://my-storage-account.blob.core.windows.net/test-container/x.jpg",
    "sequencer": "00000000000004420000000000028963",
}  # fmt: skip
EVENT_GRID = {
    "topic": "/subscriptions/x/resourceGroups/Storage/providers/Microsoft.Storage/storageAccounts/my-storage-account",
    "subject": SUBJECT, "eventType": "Microsoft.Storage.BlobCreated", "eventTime": "2017-06-26T18:41:00.9584103Z",
    "id": "831e1650-001e-001b-66ab-eeb76e069631", "data": DATA, "dataVersion": "", "metadataVersion": "1",
}  # fmt: skip
CLOUD_EVENT = {
    "source": EVENT_GRID["topic"], "subject": SUBJECT, "type": "Microsoft.Storage.BlobCreated",
    "time": "2017-06-26T18:41:00.9584103Z", "id": "831e1650-001e-001b-66ab-eeb76e069631", "data": DATA,
    "specversion": "1.0",
}  # fmt: skip
ASKED = {
    "id": "2d1781af-3a4c-4d7c-bd0c-e34b19da4e66", "topic": "/subscriptions/x", "subject": "",
    "data": {"validationCode": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6",
             "validationUrl": "https://rp-eastus2.eventgrid.azure.net/validate?id=5"},
    "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "eventTime": "2026-01-25T22:12:19.4556811Z",
}  # fmt: skip


def read(value, *, headers=None, given="", secret=None):
    return azure.read(json.dumps(value).encode(), headers or {}, given_secret=given, secret=secret)


@pytest.mark.parametrize("body", [[EVENT_GRID], EVENT_GRID, [CLOUD_EVENT], CLOUD_EVENT])
def test_a_blob_becomes_an_event_by_its_containers_name(body):
    [event] = read(body).events

    assert event.source == SOURCE
    assert (event.version, event.size_bytes) == ("0x8D4BCC2E4835CD0", 524288)
    assert event.sequence == "azure:00000000000004420000000000028963"


@pytest.mark.parametrize("api", ["PutBlob", "PutBlockList", "CopyBlob", "FlushWithClose", "SftpCommit"])
def test_a_blob_that_is_complete_counts(api):
    assert len(read([EVENT_GRID | {"data": DATA | {"api": api}}]).events) == 1


@pytest.mark.parametrize("api", ["CreateFile", "SftpCreate", "Other", "", None, 5])
def test_a_blob_that_is_still_empty_is_ignored(api):
    found = read([EVENT_GRID | {"data": DATA | {"api": api}}])

    assert (found.events, found.ignored) == ((), 1)


def test_a_deletion_becomes_a_removal():
    [event] = read([EVENT_GRID | {"eventType": "Microsoft.Storage.BlobDeleted", "data": {"api": "DeleteBlob"}}]).events

    assert isinstance(event, RemovalEvent)


def test_other_events_of_storage_are_ignored():
    assert read([EVENT_GRID | {"eventType": "Microsoft.Storage.BlobTierChanged"}]).ignored == 1


def test_a_repeated_event_has_one_id_in_both_schemas():
    assert read(EVENT_GRID).events[0].id == read(CLOUD_EVENT).events[0].id


@pytest.mark.parametrize("sequencer", [None, 5, "", "x" * 129, "a:b", "\0"])
def test_an_invalid_sequencer_gives_no_sequence(sequencer):
    assert read([EVENT_GRID | {"data": DATA | {"sequencer": sequencer}}]).events[0].sequence is None


def test_the_question_of_event_grid_is_read_with_its_code():
    assert read([ASKED]) == Validation("512d38b6-c7b8-40c8-89fe-f46f9e9622b6")


@pytest.mark.parametrize("data", [None, {}, {"validationCode": 5}, {"validationCode": "x" * 257}])
def test_a_question_without_a_code_is_a_bad_request(data):
    with pytest.raises(BadRequest):
        read([ASKED | {"data": data}])


@pytest.mark.parametrize(
    "given",
    [{"given": "sesame"}, {"headers": {"authorization": "Bearer sesame"}}, {"headers": {"authorization": "sesame"}}],
)
def test_the_secret_is_in_the_query_or_in_a_header(given):
    assert len(read([EVENT_GRID], secret="sesame", **given).events) == 1


@pytest.mark.parametrize(
    "given", [{}, {"given": "sesamf"}, {"given": "ü"}, {"headers": {"authorization": "Bearer x"}, "given": "sesame"}]
)
@pytest.mark.parametrize("body", [EVENT_GRID, ASKED])
def test_without_the_secret_nothing_is_read_and_no_question_answered(given, body):
    with pytest.raises(Unauthorised, match="RAYTHUMBS_AZURE_SECRET"):
        read([body], secret="sesame", **given)


@pytest.mark.parametrize(
    "body",
    [5, [5], [[]], {}, [EVENT_GRID | {"eventType": "Other"}], [EVENT_GRID | {"subject": "/blobServices/x"}],
     [EVENT_GRID | {"id": ""}], [EVENT_GRID | {"data": []}], [EVENT_GRID] * 1001],
)  # fmt: skip
def test_another_body_is_a_bad_request(body):
    with pytest.raises(BadRequest):
        read(body)


def test_with_the_secret_what_cannot_be_understood_is_a_fault_beside_the_rest():
    found = read([EVENT_GRID, EVENT_GRID | {"eventType": "Other"}], given="sesame", secret="sesame")

    assert (len(found.events), len(found.faults)) == (1, 1)
