import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from raythumbs.cluster.environment import before_joining, for_cluster, private_place
from raythumbs.errors import BadSettings

LONGEST_SOCKET = 97  # HAProxy's own limit
RAYS_NODE = "a" * 56  # Ray Serve puts the node's id between


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RAY_SERVE_HAPROXY_BINARY_PATH", raising=False)
    yield tmp_path
    short = tmp_path / ".raythumbs" / "sockets"
    if short.is_symlink():
        shutil.rmtree(short.resolve())


def test_what_a_cluster_writes_is_in_a_folder_of_its_user_alone(home):
    told = for_cluster()

    assert Path(told["RAY_SERVE_HAPROXY_BINARY_PATH"]).parent == private_place() == home / ".raythumbs"
    for name in ("RAY_TMPDIR", "RAY_SERVE_HAPROXY_SERVER_STATE_BASE"):
        assert stat.S_IMODE(Path(told[name]).stat().st_mode) == 0o700


def test_haproxys_sockets_have_names_that_it_takes_however_long_the_home_is(home):
    told = for_cluster()

    folder, name = os.path.split(told["RAY_SERVE_HAPROXY_SOCKET_PATH"])
    assert len(f"{folder}/{RAYS_NODE}/{name}") < LONGEST_SOCKET


def test_asked_again_it_names_the_same_folders(home):
    assert for_cluster() == for_cluster()


def test_a_folder_that_others_may_enter_is_refused(home):
    (home / ".raythumbs").mkdir(mode=0o755)

    with pytest.raises(BadSettings, match="chmod 700"):
        for_cluster()


def test_a_link_that_leads_into_somebody_elses_folder_is_refused(home, tmp_path_factory):
    (home / ".raythumbs").symlink_to(tmp_path_factory.mktemp("elsewhere"))

    with pytest.raises(BadSettings, match="belongs to another user"):
        for_cluster()


@pytest.mark.needs("root")
def test_the_folder_of_another_user_is_refused(home):
    (home / ".raythumbs").mkdir(mode=0o700)
    os.chown(home / ".raythumbs", 65534, 65534)

    with pytest.raises(BadSettings, match="belongs to another user"):
        for_cluster()


@pytest.mark.parametrize("mode", [None, "disabled"])
def test_who_has_a_token_brings_it_to_a_ray_unless_told_otherwise(home, monkeypatch, mode):
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_NUM_REDIS_GET_RETRIES"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    if mode:
        monkeypatch.setenv("RAY_AUTH_MODE", mode)
    (home / ".ray").mkdir()
    (home / ".ray" / "auth_token").write_text("f" * 64)

    before_joining()

    assert os.environ["RAY_AUTH_MODE"] == (mode or "token")


def test_who_has_no_token_brings_none(home, monkeypatch):
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_NUM_REDIS_GET_RETRIES"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)

    before_joining()

    assert "RAY_AUTH_MODE" not in os.environ
