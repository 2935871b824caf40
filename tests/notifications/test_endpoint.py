"""The address of the store is a setting. An event may name another one; nobody asks it."""

import json

import pytest

from raythumbs.errors import BadSource
from raythumbs.model.source import Source
from raythumbs.notifications import s3
from raythumbs.settings import load_settings
from raythumbs.worker.plan import Plan


@pytest.mark.parametrize(
    "told",
    [
        {"responseElements": {"x-minio-origin-endpoint": "http://evil.example:9000"}},
        {"awsRegion": "evil.example", "source": {"host": "evil.example"}},
        {"s3": {"bucket": {"name": "photos", "arn": "arn:aws:s3:evil::photos"}, "object": {"key": "a.jpg"}}},
    ],
)
def test_an_event_does_not_say_where_its_store_is(told):
    record = {
        "eventName": "s3:ObjectCreated:Put",
        "s3": {"bucket": {"name": "photos"}, "object": {"key": "a.jpg"}},
        **told,
    }

    [event] = s3.read(json.dumps({"Records": [record]}).encode(), {}, token=None).events

    assert event.source == "s3://photos/a.jpg"
    assert "evil" not in repr(event)


def test_the_store_of_every_source_is_that_of_the_settings():
    settings = load_settings(s3_endpoint_url="http://127.0.0.1:9000", aws_region="us-east-1", store="s3://photos")

    assert Plan.of(settings).stores.endpoint_url == "http://127.0.0.1:9000"


@pytest.mark.parametrize("bucket", ["photos@evil.example", "evil:9000", "..", "x", "[::1]"])
def test_a_bucket_is_a_name_and_no_address(bucket):
    with pytest.raises(BadSource):
        Source.parse(f"s3://{bucket}/a.jpg")
