"""Makes the buckets of a service and sends their events to it: `python -m raythumbs.storage.prepare_buckets`.

For the containers of `compose.yaml`. It may run again: what is there stays, and other rules for events stay too.
"""

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from raythumbs.settings import load_settings
from raythumbs.storage.s3 import s3_client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.literals import BucketLocationConstraintType

_RULE = "raythumbs"
_EVENTS = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Prepare the buckets that the command line names."""
    parser = argparse.ArgumentParser(prog="prepare_buckets", description="Make the buckets of a service.")
    parser.add_argument("--photos", required=True, help="bucket of the uploads")
    parser.add_argument("--thumbnails", required=True, help="bucket of the thumbnails, which everybody may read")
    parser.add_argument("--events-to", required=True, metavar="ARN", help="where the uploads' events go")
    asked = parser.parse_args(arguments)
    settings = load_settings()
    s3 = s3_client(settings.aws_region, settings.s3_endpoint_url, instance_credentials=settings.instance_credentials)
    for bucket in (asked.photos, asked.thumbnails):
        _make(s3, bucket)
    _open_for_reading(s3, asked.thumbnails)
    _send_events(s3, asked.photos, asked.events_to)


def _make(s3: "S3Client", bucket: str) -> None:
    if bucket in {one["Name"] for one in s3.list_buckets()["Buckets"]}:
        return
    region = s3.meta.region_name
    if region == "us-east-1":  # which may not be named
        s3.create_bucket(Bucket=bucket)
    else:
        place = cast("BucketLocationConstraintType", region)
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": place})


def _open_for_reading(s3: "S3Client", bucket: str) -> None:
    """Let everybody read objects whose keys they know. Nobody may list them."""
    rule = {"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": ["s3:GetObject"]}
    policy = {"Version": "2012-10-17", "Statement": [rule | {"Resource": [f"arn:aws:s3:::{bucket}/*"]}]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


def _send_events(s3: "S3Client", bucket: str, arn: str) -> None:
    rules: dict[str, Any] = {**s3.get_bucket_notification_configuration(Bucket=bucket)}
    rules.pop("ResponseMetadata", None)
    others = [rule for rule in rules.get("QueueConfigurations", ()) if rule["QueueArn"] != arn]
    rules["QueueConfigurations"] = [*others, {"Id": _RULE, "QueueArn": arn, "Events": _EVENTS}]
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=cast("Any", rules))


if __name__ == "__main__":
    main()
