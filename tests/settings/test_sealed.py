import json
import os
import pickle
import stat

import pytest

from raythumbs.errors import BadSettings
from raythumbs.settings import load_settings
from raythumbs.settings.sealed import seal, without_secrets

PASSWORD, TOKEN, KEY = "the-password", "the-token", "the-key"


@pytest.fixture
def settings(monkeypatch):
    monkeypatch.setenv("RAYTHUMBS_DATABASE", f"postgresql://me:{PASSWORD}@db/photos")
    monkeypatch.setenv("RAYTHUMBS_NOTIFICATION_TOKEN", TOKEN)
    return load_settings(port=8123)


@pytest.fixture
def elsewhere(monkeypatch, settings):
    """Another process, whose environment has none of it."""
    monkeypatch.delenv("RAYTHUMBS_DATABASE")
    monkeypatch.delenv("RAYTHUMBS_NOTIFICATION_TOKEN")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)


def test_sealed_settings_have_no_secret_for_ray_to_keep(settings, tmp_path):
    sealed = seal(settings, tmp_path, environment={"AWS_SECRET_ACCESS_KEY": KEY})

    kept = pickle.dumps(sealed)

    assert not [secret for secret in (PASSWORD, TOKEN, KEY) if secret.encode() in kept]


def test_the_file_has_no_key_of_the_api_but_its_hash(settings, tmp_path):
    keys = {"RAYTHUMBS_API_KEYS": '{"name": "a", "key": "rt_0123456789abcdef", "scopes": ["read"]}'}
    with_key = load_settings(api_keys=keys["RAYTHUMBS_API_KEYS"])

    sealed = seal(with_key, tmp_path, environment=keys | {"RAYTHUMBS_API_KEY": "rt_0123456789abcdef"})

    written = sealed.secrets_file.read_text()
    assert "rt_0123456789abcdef" not in written
    assert "sha256:" in written


def test_the_file_of_secrets_belongs_to_its_user_alone_whatever_the_umask(settings, tmp_path):
    before = os.umask(0)
    try:
        sealed = seal(settings, tmp_path, environment={})
    finally:
        os.umask(before)

    assert stat.S_IMODE(sealed.secrets_file.stat().st_mode) == 0o600


def test_another_process_opens_the_same_settings_and_environment(settings, tmp_path, elsewhere, monkeypatch):
    sealed = pickle.loads(pickle.dumps(seal(settings, tmp_path, environment={"AWS_SECRET_ACCESS_KEY": KEY})))
    monkeypatch.setitem(os.environ, "AWS_SECRET_ACCESS_KEY", "")
    del os.environ["AWS_SECRET_ACCESS_KEY"]

    opened = sealed.open()

    assert opened == settings
    assert opened.identity == settings.identity
    assert os.environ["AWS_SECRET_ACCESS_KEY"] == KEY


def test_without_the_file_the_environment_must_have_the_same_secrets(settings, tmp_path, elsewhere, monkeypatch):
    sealed = seal(settings, tmp_path, environment={})
    sealed.secrets_file.unlink()

    with pytest.raises(BadSettings, match="RAYTHUMBS_DATABASE"):
        sealed.open()

    monkeypatch.setenv("RAYTHUMBS_DATABASE", f"postgresql://me:{PASSWORD}@db/photos")
    monkeypatch.setenv("RAYTHUMBS_NOTIFICATION_TOKEN", TOKEN)
    assert sealed.open() == settings


def test_a_link_in_place_of_the_file_is_not_followed(settings, tmp_path):
    (tmp_path / "elsewhere").touch()
    (tmp_path / f"{settings.identity}.json").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="symbolic"):
        seal(settings, tmp_path, environment={})


def test_a_link_in_the_place_of_the_file_is_not_read(settings, tmp_path):
    sealed = seal(settings, tmp_path, environment={})
    sealed.secrets_file.rename(tmp_path / "elsewhere")
    sealed.secrets_file.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="symbolic"):
        sealed.open()


def test_rays_processes_get_no_credentials_whatever_their_names():
    given = {
        "AWS_SECRET_ACCESS_KEY": KEY, "PGPASSWORD": KEY, "RAYTHUMBS_DATABASE": KEY, "RAYTHUMBS_B2_SIGNING_SECRET": KEY,
        "RAYTHUMBS_API_KEYS": KEY, "RAYTHUMBS_API_KEY": KEY,
        "RAYTHUMBS_NOTIFICATION_TOKEN": KEY, "GITHUB_TOKEN": KEY, "HTTPS_PROXY": KEY, "SOMETHING_NEW": KEY,
        "PATH": "/bin", "HOME": "/root", "LC_ALL": "C", "RAY_AUTH_MODE": "token", "RAYTHUMBS_HOST": "127.0.0.1",
    }  # fmt: skip

    left = without_secrets(given)

    assert KEY not in left.values()
    assert set(left) == {"PATH", "HOME", "LC_ALL", "RAY_AUTH_MODE", "RAYTHUMBS_HOST"}


def test_every_secret_setting_is_among_the_secrets(settings):
    assert json.dumps(settings.without_secrets().secrets) == "{}"
    assert set(settings.secrets) == {"database", "notification_token"}
