"""Buckets for a new service, on a real S3 server."""

import boto3
import httpx2
import pytest

from raythumbs.storage.prepare_buckets import main

ARN = "arn:aws:sqs:us-east-1:123456789012:events"


@pytest.fixture
def s3(s3_endpoint, aws_credentials, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_endpoint)
    client = boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1")
    yield client
    client.close()


def prepared(tmp_path, monkeypatch, name: str) -> tuple[str, str]:
    monkeypatch.setenv("RAYTHUMBS_DATA_DIR", str(tmp_path))
    names = f"{name}-photos", f"{name}-thumbnails"
    main([f"--photos={names[0]}", f"--thumbnails={names[1]}", f"--events-to={ARN}"])
    return names


def rules(s3, bucket):
    return s3.get_bucket_notification_configuration(Bucket=bucket).get("QueueConfigurations", [])


def test_uploads_send_their_events_and_everybody_reads_thumbnails_whose_keys_are_known(s3, tmp_path, monkeypatch):
    photos, thumbnails = prepared(tmp_path, monkeypatch, "new")
    s3.put_object(Bucket=thumbnails, Key="a/b.jpg", Body=b"a thumbnail")

    (rule,) = rules(s3, photos)
    assert (rule["QueueArn"], rule["Events"]) == (ARN, ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"])
    assert rules(s3, thumbnails) == []
    assert httpx2.get(f"{s3.meta.endpoint_url}/{thumbnails}/a/b.jpg").content == b"a thumbnail"


def test_it_may_run_again_and_keeps_other_rules(s3, tmp_path, monkeypatch):
    photos, _ = prepared(tmp_path, monkeypatch, "again")
    other = {"Id": "other", "QueueArn": f"{ARN}-of-others", "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=photos, NotificationConfiguration={"QueueConfigurations": [*rules(s3, photos), other]}
    )

    prepared(tmp_path, monkeypatch, "again")

    assert sorted(rule["Id"] for rule in rules(s3, photos)) == ["other", "raythumbs"]
