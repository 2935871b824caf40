import pickle
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as some

from raythumbs.model.photo import Fit, RenditionSpec
from raythumbs.settings import load_settings
from raythumbs.worker.plan import Plan

WORK = Plan.of(load_settings(data_dir="/data"))
SPEC = RenditionSpec()
TEXTS = some.text(min_size=1, max_size=50)


@given(source=TEXTS, version=TEXTS)
def test_the_same_work_has_the_same_key(source, version):
    assert WORK.key(source, version, SPEC) == WORK.key(source, version, RenditionSpec())


@given(source=TEXTS, version=TEXTS, other=TEXTS)
def test_another_source_version_or_spec_has_another_key(source, version, other):
    key = WORK.key(source, version, SPEC)

    assert (WORK.key(other, version, SPEC) == key) is (other == source)
    assert (WORK.key(source, other, SPEC) == key) is (other == version)
    for spec in (replace(SPEC, width=301), replace(SPEC, quality=84), replace(SPEC, fit=Fit.COVER)):
        assert WORK.key(source, version, spec) != key


def test_a_key_says_what_it_is():
    key = WORK.key("s3://photos/a.jpg", "v1", SPEC)

    assert key.startswith("thumbnails/")
    assert key.endswith("/thumbnail.jpg")


def test_no_secret_travels_with_the_work(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sesame-1")
    settings = load_settings(
        database="postgresql://user:sesame-2@host/db", notification_token="sesame-3", b2_signing_secret="sesame-4"
    )

    assert b"sesame" not in pickle.dumps(Plan.of(settings))


def test_the_plan_for_large_photos_has_more_memory_and_the_same_other_limits():
    plan = Plan.of(load_settings(data_dir="/data", missing_rows=0.5))

    large = plan.of_the_large.limits

    assert large == replace(plan.limits, decode_bytes=plan.limits.elsewhere_bytes, elsewhere_bytes=0)
    assert large.missing_rows == 0.5
