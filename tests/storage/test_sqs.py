"""What the URL of a queue of SQS tells."""

import pytest

from raythumbs.errors import StoreUnavailable
from raythumbs.storage.sqs import SqsQueue, region_of


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://sqs.eu-central-1.amazonaws.com/123456789012/photos", "eu-central-1"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/photos", "cn-north-1"),
        ("https://sqs-fips.us-gov-west-1.amazonaws.com/123456789012/photos", "us-gov-west-1"),
        ("https://sqs.us-east-2.api.aws/123456789012/photos", "us-east-2"),
        ("https://vpce-0123-4567.sqs.ap-southeast-3.vpce.amazonaws.com/123456789012/photos", "ap-southeast-3"),
        ("https://eu-west-1.queue.amazonaws.com/123456789012/photos", "eu-west-1"),
        ("http://127.0.0.1:4566/000000000000/photos", None),
        ("http://sqs.example.com/1/photos", None),
    ],
)
def test_a_queue_of_amazon_names_its_region(url, region):
    assert region_of(url) == region


def test_a_server_that_is_away_is_trouble_that_may_pass(aws_credentials):
    queue = SqsQueue("http://127.0.0.1:9/1/photos", wait_seconds=0)

    with pytest.raises(StoreUnavailable):
        queue.receive(hidden_seconds=60)
    queue.close()
