from itertools import islice, takewhile

import boto3
import pytest

from raythumbs.bench.backfill import run
from raythumbs.bench.listing_server import Keys, listing_server
from raythumbs.bench.plans import BackfillPlan
from raythumbs.storage.s3 import S3Store


@pytest.mark.needs("time")
def test_every_object_is_enqueued_once_and_then_known(tmp_path, postgresql):
    # Two pages of a listing.
    report = run(BackfillPlan(objects=1_100, folder=tmp_path, database=postgresql), say=print)

    rows = report.as_json()["rows"]
    last = {(row["database"], row["what"]): (row["listed"], row["enqueued"]) for row in rows}
    assert last == {
        ("SQLite", "new"): (1100, 1100),
        ("SQLite", "known"): (1100, 0),
        ("PostgreSQL", "new"): (1100, 1100),
        ("PostgreSQL", "known"): (1100, 0),
    }


@pytest.fixture(scope="module")
def store(aws_credentials):
    with listing_server(25_000) as endpoint:
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        yield S3Store(client, "photos")
        client.close()


@pytest.mark.parametrize("after", ["", "00000/000000999.jpg", "00000/000008500.jpg", "00001/"])
def test_the_bucket_of_generated_keys_lists_as_s3_does(store, after):
    first = [stat.key for stat in islice(store.list(after=after), 2_500)]  # which are three pages

    assert first == [key for key in Keys(25_000) if key > after][:2_500]


@pytest.mark.parametrize("after", ["00002/000022500.jpg", "00002/000024998.jpg", "9"])
def test_the_listing_of_the_bucket_of_generated_keys_ends_with_the_last(store, after):
    assert [stat.key for stat in store.list(after=after)] == [key for key in Keys(25_000) if key > after]


def test_the_bucket_of_generated_keys_has_folders(store):
    assert store.folders() == ["00000/", "00001/", "00002/"]
    assert store.folders("00001/") == []
    assert [stat.key for stat in takewhile(lambda stat: stat.key < "00001/000010002", store.list("00001/"))] == [
        "00001/000010000.jpg",
        "00001/000010001.jpg",
    ]
