import json
import os
from pathlib import Path
from tempfile import gettempdir
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raythumbs.errors import BadSettings
from raythumbs.model.photo import Fit, Format, RenditionSpec
from raythumbs.model.source import Source
from raythumbs.settings import Settings, load_settings
from raythumbs.storage.files import FileStore
from raythumbs.storage.stores import Stores


@pytest.fixture(autouse=True)
def _an_empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith(("RAYTHUMBS_", "AWS_", "S3_", "USE_PARALLEL")):
            monkeypatch.delenv(name)


# --- every value is checked


def test_every_default_is_a_valid_value() -> None:
    defaults = load_settings()

    assert load_settings(**dict(defaults)) == defaults


def test_the_topics_are_in_the_order_of_the_manual() -> None:
    first_of_topics = ["host", "data_dir", "store", "specs", "max_photo_bytes", "prefetch_bytes", "max_backlog"]

    order = list(Settings.model_fields)

    assert [name for name in order if name in first_of_topics] == first_of_topics
    assert order[0] == "host"
    assert order[order.index("log_level") + 1] == "notification_token"
    last = ["notification_token", "webhook_origins", "sqs_queue_url", "webhook_allowed_hosts"]
    assert [name for name in order if name in last] == last
    assert order[-1] == "webhook_secrets"


def test_every_setting_has_a_description() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RAYTHUMBS_PORT", "http"),
        ("RAYTHUMBS_PORT", "0"),
        ("RAYTHUMBS_PORT", "65536"),
        ("RAYTHUMBS_PORT", ""),
        ("RAYTHUMBS_INGRESS_REPLICAS", "0"),
        ("RAYTHUMBS_DATABASE", "mysql://root:hunter2@db/photos"),
        ("RAYTHUMBS_DATABASE", "postgresql://me:hunt@er2@db/photos"),
        ("RAYTHUMBS_DATABASE", "postgresql://me:hunt@er/2@db/photos"),
        ("RAYTHUMBS_DATABASE", "postgresql://me:hunter2/photos"),
        ("RAYTHUMBS_STORE", "https://photos.example.com"),
        ("RAYTHUMBS_STORE", "file://relative/folder"),
        ("RAYTHUMBS_STORE", "file:///srv/../etc"),
        ("RAYTHUMBS_STORE", "file:////"),
        ("RAYTHUMBS_STORE", "s3://"),
        ("RAYTHUMBS_THUMBNAILS_STORE", "photos"),
        ("RAYTHUMBS_THUMBNAILS_PREFIX", "thumbnails"),
        ("RAYTHUMBS_THUMBNAILS_PREFIX", "../"),
        ("RAYTHUMBS_THUMBNAILS_PREFIX", ""),
        ("RAYTHUMBS_LINK_SECONDS", "604801"),
        ("RAYTHUMBS_ALLOWED_SOURCES", "s3://photos/"),
        ("RAYTHUMBS_ALLOWED_SOURCES", '["photos/"]'),
        ("RAYTHUMBS_ALLOWED_SOURCES", '["file:///srv/../"]'),
        ("RAYTHUMBS_SPECS", "300x300"),
        ("RAYTHUMBS_SPECS", "[]"),
        ("RAYTHUMBS_SPECS", '{"name": "thumbnail"}'),
        ("RAYTHUMBS_MAX_PHOTO_BYTES", "-1"),
        ("RAYTHUMBS_MAX_DECODE_BYTES", "1 GB"),
        ("RAYTHUMBS_MAX_WORKERS_PER_NODE", "0"),
        ("RAYTHUMBS_JOB_TIMEOUT_SECONDS", "nan"),
        ("RAYTHUMBS_JOB_TIMEOUT_SECONDS", "inf"),
        ("RAYTHUMBS_LEASE_SECONDS", "1"),
        ("RAYTHUMBS_NOTIFICATION_TOKEN", ""),
        ("RAYTHUMBS_B2_SIGNING_SECRET", ""),
        ("S3_BUCKET_NAME", ""),
        ("USE_PARALLEL_THUMBNAILS", "perhaps"),
    ],
)
def test_a_wrong_value_is_reported_in_one_line_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(BadSettings) as refusal:
        load_settings()

    assert refusal.value.reason.startswith(f"{variable}: ")
    assert refusal.value.reason.count("RAYTHUMBS_") <= 1
    assert "\n" not in refusal.value.reason


@pytest.mark.parametrize(
    "address",
    [
        "db/photos",
        "/photos?host=/run/postgresql",
        "me@tenant:hunter2@db:5432/photos?application_name=a@b",
        "me:hunt/er?2@db/photos",
        "me:hunt%40er2@[::1]:5432/photos",
    ],
)
def test_an_address_of_the_driver_is_accepted_and_shown_without_its_password(address: str) -> None:
    shown = load_settings(database=f"postgresql://{address}").shown_database

    assert "hunt" not in shown
    assert "er2" not in shown


@pytest.mark.parametrize(
    ("others", "needed"),
    [
        ({}, "PostgreSQL"),
        ({"database": "sqlite:////tmp/record.db"}, "PostgreSQL"),
        ({"database": "postgresql://me@db/photos", "use_parallel_thumbnails": False}, "USE_PARALLEL_THUMBNAILS=true"),
    ],
)
def test_several_queues_are_refused_where_they_cannot_share(others: dict[str, object], needed: str) -> None:
    with pytest.raises(BadSettings, match=f"RAYTHUMBS_QUEUE_SHARDS: .*{needed}"):
        load_settings(queue_shards=2, **others)


def test_all_wrong_values_are_reported_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAYTHUMBS_PORT", "http")
    monkeypatch.setenv("RAYTHUMBS_LEASE_SECONDS", "soon")

    with pytest.raises(BadSettings) as refusal:
        load_settings()

    assert "RAYTHUMBS_PORT: " in refusal.value.reason
    assert "RAYTHUMBS_LEASE_SECONDS: " in refusal.value.reason
    assert "\n" not in refusal.value.reason


def test_a_setting_that_does_not_exist_is_refused() -> None:
    with pytest.raises(BadSettings, match="RAYTHUMBS_PROT"):
        load_settings(prot=80)


def test_given_values_override_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAYTHUMBS_PORT", "81")

    assert load_settings().port == 81
    assert load_settings(port=82).port == 82


# --- addresses of stores


def test_s3_bucket_name_makes_that_bucket_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_BUCKET_NAME", "photos")

    settings = load_settings()

    assert settings.store_uri == "s3://photos/"
    assert settings.thumbnails_uri == "s3://photos/"


def test_a_store_overrides_s3_bucket_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_BUCKET_NAME", "photos")

    assert load_settings(store="s3://other/raw").store_uri == "s3://other/raw/"


def test_without_a_store_uploads_go_below_the_data_folder(tmp_path: Path) -> None:
    assert load_settings(data_dir=tmp_path).store_uri == f"file://{tmp_path}/store/"


def test_the_data_folder_may_be_a_relative_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    settings = load_settings(data_dir="../there")

    assert settings.data_dir == tmp_path / "there"


@pytest.mark.parametrize("name", ["100%41", "my photos", "Zoë+1"])
def test_the_address_of_a_folder_of_any_name_leads_to_its_store(tmp_path: Path, name: str) -> None:
    settings = load_settings(data_dir=tmp_path / name)

    store = Stores().at(settings.store_uri)
    uploaded = Source.parse(settings.store_uri + "cat.jpg")

    assert isinstance(store, FileStore)
    assert store.root == tmp_path / name / "store"
    assert uploaded.key == f"{tmp_path}/{name}/store/cat.jpg"
    assert settings.policy.allows(uploaded)


@pytest.mark.parametrize("store", ["file:///my%20photos", "file:///my photos/", "file:////my photos//"])
def test_a_store_has_one_address_however_it_is_written(store: str) -> None:
    settings = load_settings(store=store)

    assert settings.store_uri == "file:///my photos/"
    assert settings.policy.allows(Source.parse("file:///my%20photos/cat.jpg"))


@pytest.mark.parametrize("store", [None, "s3://photos"])
def test_the_folders_it_writes_to_are_those_of_the_record_and_the_uploads(tmp_path: Path, store: str | None) -> None:
    uploads = Path(gettempdir()) if store else tmp_path / "store"  # on its way to a bucket, one is a nameless file

    assert set(load_settings(data_dir=tmp_path, store=store).folders) == {tmp_path, uploads}


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
def test_the_endpoint_has_the_names_that_aws_users_know(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:9000")

    assert load_settings().s3_endpoint_url == "http://127.0.0.1:9000"


def test_the_endpoint_of_s3_overrides_that_of_all_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://everything")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://objects")

    assert load_settings().s3_endpoint_url == "http://objects"


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_region_has_the_names_that_aws_users_know(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "eu-west-1")

    assert load_settings().aws_region == "eu-west-1"


@pytest.mark.parametrize("variable", ["USE_PARALLEL_THUMBNAILS", "RAYTHUMBS_USE_PARALLEL_THUMBNAILS"])
def test_parallel_thumbnails_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    assert load_settings().use_parallel_thumbnails

    monkeypatch.setenv(variable, "false")

    assert not load_settings().use_parallel_thumbnails


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_links_never_have_an_address_that_is_only_for_listening(host: str) -> None:
    assert load_settings(host=host, port=81).base_url == "http://127.0.0.1:81"


def test_the_public_address_is_used_without_its_last_slash() -> None:
    assert load_settings(public_base_url="https://thumbs.example.com/").base_url == "https://thumbs.example.com"


# --- the thumbnails to make


def test_specs_are_given_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"name": "small", "width": 90, "height": 60, "fit": "cover", "focus": [0.5, 0.25]}
    specs = [small, {"name": "large", "format": "webp"}]
    monkeypatch.setenv("RAYTHUMBS_SPECS", json.dumps(specs))

    assert load_settings().specs == (
        RenditionSpec(name="small", width=90, height=60, fit=Fit.COVER, focus=(0.5, 0.25)),
        RenditionSpec(name="large", format=Format.WEBP),
    )


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        ([{"name": "a"}, {"name": "b"}, {"name": "a"}], "two specs have the same name"),
        ([{"name": "Large"}], "'Large'"),
        ([{"name": "../a"}], "'../a'"),
        ([{"name": ""}], "''"),
        ([{"name": "a" * 65}], "a" * 65),
        ([{"width": 0}], "sides of 1 to"),
        ([{"height": 16_384}], "sides of 1 to"),
        ([{"quality": 0}], "quality of 1 to 100"),
        ([{"quality": 101}], "quality of 1 to 100"),
        ([{"gap": 0.5}], "gap of 1 to 8"),
        ([{"focus": [0.5, 1.1]}], "two fractions, 0 to 1"),
        ([{"focus": [0.5]}], "0: focus: "),
        ([{"fit": "squash"}], "0: fit: "),
        ([{"format": "gif"}], "0: format: "),
        ([{"name": "a"}, {"width": "wide"}], "1: width: "),
        ([{"widht": 300}], "0: widht: "),
    ],
)
def test_an_invalid_spec_is_refused(
    monkeypatch: pytest.MonkeyPatch, specs: list[dict[str, object]], message: str
) -> None:
    monkeypatch.setenv("RAYTHUMBS_SPECS", json.dumps(specs))

    with pytest.raises(BadSettings) as refusal:
        load_settings()

    assert refusal.value.reason.startswith("RAYTHUMBS_SPECS: ")
    assert message in refusal.value.reason
    assert "\n" not in refusal.value.reason


# --- which sources may be read


def test_by_default_the_store_and_no_other_folder_may_be_read(tmp_path: Path) -> None:
    policy = load_settings(data_dir=tmp_path).policy

    assert policy.allows(Source.parse(f"file://{tmp_path}/store/2026/cat.jpg"))
    assert not policy.allows(Source.parse(f"file://{tmp_path}/raythumbs.db"))
    assert not policy.allows(Source.parse("file:///etc/passwd"))


def test_by_default_the_stores_whole_bucket_may_be_read() -> None:
    policy = load_settings(store="s3://photos/uploads").policy

    assert policy.allows(Source.parse("s3://photos/camera/cat.jpg"))
    assert not policy.allows(Source.parse("file:///etc/passwd"))


@pytest.mark.parametrize(
    ("given_store", "output"),
    [
        ({"store": "s3://photos"}, "s3://photos/thumbnails/1.jpg"),
        ({"store": "s3://photos", "thumbnails_store": "s3://small/cdn"}, "s3://small/cdn/thumbnails/1.jpg"),
        ({"store": "file:///srv//photos", "thumbnails_prefix": "t/"}, "file:///srv/photos/t/1.jpg"),
        ({"store": "file:///srv/100%25"}, "file:///srv/100%25/thumbnails/1.jpg"),
    ],
)
def test_the_services_own_thumbnails_are_never_sources(given_store: dict[str, str], output: str) -> None:
    policy = load_settings(**given_store, allowed_sources=("s3://", "file:///")).policy

    assert not policy.allows(Source.parse(output))
    assert policy.allows(Source.parse(output.replace("/1.jpg", ".jpg")))


def test_only_allowed_sources_may_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAYTHUMBS_ALLOWED_SOURCES", '["s3://camera/", "file:///my%20photos/"]')

    policy = load_settings(store="s3://photos").policy

    assert policy.allows(Source.parse("s3://camera/cat.jpg"))
    assert policy.allows(Source.parse("file:///my photos/cat.jpg"))
    assert not policy.allows(Source.parse("s3://photos/cat.jpg"))


# --- secrets and identity


@given(password=st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=4).map("pa55".__add__))
def test_a_password_is_shown_nowhere(password: str) -> None:
    quoted = quote(password, safe="/:?")
    for url in (f"postgresql://raythumbs:{quoted}@db/photos", f"postgresql://db/photos?user=x&password={password}"):
        settings = load_settings(database=url, notification_token=password, b2_signing_secret=password)

        assert password not in repr(settings)
        assert password not in str(settings.model_dump())
        assert password not in settings.model_dump_json()
        assert "pa55" not in settings.shown_database
        assert "db/photos" in settings.shown_database


def test_a_password_is_not_in_the_refusal_of_its_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAYTHUMBS_DATABASE", "mysql://root:hunter2@db/photos")

    with pytest.raises(BadSettings) as refusal:
        load_settings()

    assert "hunter2" not in refusal.value.reason


def test_two_loads_of_the_same_settings_have_the_same_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAYTHUMBS_SPECS", '[{"name": "a"}, {"name": "b"}]')
    monkeypatch.setenv("RAYTHUMBS_NOTIFICATION_TOKEN", "hunter2")

    assert load_settings().identity == load_settings().identity


@pytest.mark.parametrize(
    "changed",
    [
        {"port": 8001},
        {"data_dir": "/srv/other"},
        {"specs": [RenditionSpec(quality=86)]},
        {"database": "postgresql://raythumbs:pa55word@db/photos"},
        {"database": "postgresql://raythumbs:pa55w0rd@db/photos"},
        {"notification_token": "one"},
        {"notification_token": "two"},
        {"b2_signing_secret": "one"},
        {"b2_signing_secret": "two"},
        {"azure_secret": "one"},
        {"sns_topics": ["arn:aws:sns:eu-central-1:123456789012:photos"]},
        {"use_parallel_thumbnails": False},
        {"api_keys": '{"name": "a", "key": "rt_0123456789abcdef", "scopes": ["read"]}'},
        {"api_keys": '{"name": "a", "key": "rt_0123456789abcdef", "scopes": ["admin"]}'},
    ],
)
def test_any_other_setting_makes_another_identity(changed: dict[str, object]) -> None:
    others = [
        {},
        {"database": "postgresql://raythumbs:password@db/photos"},
        {"notification_token": "three"},
        {"b2_signing_secret": "three"},
    ]

    assert load_settings(**changed).identity not in {load_settings(**other).identity for other in others}


# --- unknown names


@pytest.mark.parametrize(
    ("typo", "nearest"),
    [
        ("RAYTHUMBS_NOTIFICATON_TOKEN", "RAYTHUMBS_NOTIFICATION_TOKEN"),
        ("RAYTHUMBS_DATABASE_URL", "RAYTHUMBS_DATABASE"),
        ("RAYTHUMBS_ALLOWED_SOURCE", "RAYTHUMBS_ALLOWED_SOURCES"),
        ("raythumbs_prot", "RAYTHUMBS_PORT"),
    ],
)
def test_a_typo_in_a_name_is_refused_with_the_nearest_setting(
    monkeypatch: pytest.MonkeyPatch, typo: str, nearest: str
) -> None:
    monkeypatch.setenv(typo, "whatever")

    with pytest.raises(BadSettings) as refusal:
        load_settings()

    assert refusal.value.reason == f"{typo} is no setting: is it {nearest}?"


def test_a_name_like_no_setting_is_refused_without_a_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAYTHUMBS_QQQQ", "whatever")

    with pytest.raises(BadSettings, match=r"^RAYTHUMBS_QQQQ is no setting$"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RAYTHUMBS_URL", "http://127.0.0.1:8000"),
        ("RAYTHUMBS_API_KEY", "rt_of-a-client"),
        ("RAYTHUMBS_NOTEBOOK_PHOTOS", "20"),
        ("RAYTHUMBS_SERVICE_HOST", "10.0.0.1"),  # of Kubernetes, for a service that is called raythumbs
        ("RAYTHUMBS_SERVICE_PORT_HTTP", "80"),
        ("RAYTHUMBS_HEAD_SVC_PORT", "tcp://10.0.0.1:8265"),
        ("RAYTHUMBS_HEAD_SVC_PORT_8265_TCP_ADDR", "10.0.0.1"),
        ("RAYTHUMBS_S3_BUCKET_NAME", "photos"),
        ("raythumbs_port", "8001"),
        ("_RAYTHUMBS_STARTS_LEFT", "3"),
    ],
)
def test_names_that_other_programs_use_are_ignored(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    load_settings()


# --- permissions of files


@pytest.mark.parametrize(("octal", "umask"), [("077", 0o077), ("0027", 0o027), ("22", 0o022), ("0", 0)])
def test_the_umask_is_given_in_octal(monkeypatch: pytest.MonkeyPatch, octal: str, umask: int) -> None:
    monkeypatch.setenv("RAYTHUMBS_UMASK", octal)

    assert load_settings().umask == umask


@pytest.mark.parametrize("octal", ["8", "177", "u=rwx", "0x3f", "-1", ""])
def test_an_invalid_umask_or_one_that_locks_out_the_owner_is_refused(
    monkeypatch: pytest.MonkeyPatch, octal: str
) -> None:
    monkeypatch.setenv("RAYTHUMBS_UMASK", octal)

    with pytest.raises(BadSettings, match="RAYTHUMBS_UMASK: must be octal, 000 to 077"):
        load_settings()
