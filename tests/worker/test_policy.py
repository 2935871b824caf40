"""The worker reads allowed sources only, whatever a job says: the setting may have changed since the job was made."""

import pytest

from raythumbs.errors import SourceNotAllowed
from raythumbs.model.source import Source
from raythumbs.settings import load_settings
from raythumbs.worker.plan import Plan


def policy(**given):
    return Plan.of(load_settings(**given)).policy


@pytest.mark.parametrize("source", ["s3://other/cat.jpg", "file:///etc/passwd", "s3://photos/thumbnails/a.jpg"])
def test_other_sources_and_the_services_own_thumbnails_are_not_read(source):
    allowed = policy(store="s3://photos", aws_region="us-east-1", allowed_sources=("s3://photos/", "s3://camera/"))

    with pytest.raises(SourceNotAllowed):
        allowed.check(Source.parse(source))


def test_direct_uploads_are_read_wherever_the_allowed_sources_are():
    allowed = policy(store="s3://photos", aws_region="us-east-1", allowed_sources=("s3://camera/",))

    assert allowed.allows(Source.parse("s3://photos/originals/4a/019f"))
    assert allowed.allows(Source.parse("s3://camera/cat.jpg"))
    assert not allowed.allows(Source.parse("s3://photos/2026/cat.jpg"))
