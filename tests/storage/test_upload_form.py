"""Signed forms, as a real S3 server takes them."""

import boto3
import httpx2
import pytest

from raythumbs.model.upload_form import UploadTerms
from raythumbs.storage.s3 import S3Store, s3_client
from raythumbs.storage.upload_form import signed_form


@pytest.fixture
def store(s3_endpoint, s3_bucket):
    client = s3_client("us-east-1", s3_endpoint)
    yield S3Store(client, s3_bucket, "some/where/")
    client.close()


def terms(key="uploads/a%2Fb/token", **given):
    return UploadTerms(**{"key": key, "content_type": "image/webp", "max_bytes": 100, "seconds": 60} | given)


def test_what_is_posted_with_a_signed_form_is_stored_at_its_key_with_its_type(store, s3_endpoint, s3_bucket):
    form = signed_form(store, terms())

    reply = httpx2.post(form.url, data=dict(form.fields), files={"file": ("x.webp", b"photo")})

    assert reply.is_success, reply.text
    s3 = boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1")
    stored = s3.get_object(Bucket=s3_bucket, Key="some/where/uploads/a%2Fb/token")
    assert (stored["Body"].read(), stored["ContentType"]) == (b"photo", "image/webp")
    s3.close()


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("us-east-1", "https://photos.s3.us-east-1.amazonaws.com/"),
        ("eu-central-1", "https://photos.s3.eu-central-1.amazonaws.com/"),
    ],
)
def test_a_form_for_amazon_goes_to_the_buckets_own_region(aws_credentials, region, url):
    client = s3_client(region, None)

    assert signed_form(S3Store(client, "photos"), terms()).url == url
    client.close()
