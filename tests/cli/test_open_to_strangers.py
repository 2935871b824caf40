"""A service that strangers could use does not start, and says how it would."""

import pytest
from typer.testing import CliRunner

from raythumbs.app import build
from raythumbs.cli import app
from raythumbs.errors import BadSettings

KEYS = '{"name": "a", "key": "rt_0123456789abcdef", "scopes": ["read"]}'


@pytest.mark.parametrize(
    "command",
    [
        ["serve", "--host", "0.0.0.0"],
        ["serve", "--host", "::", "--address", "127.0.0.1:1"],
        ["up", "--host", "0.0.0.0", "--address", "127.0.0.1:1"],
    ],
)
def test_a_command_refuses_to_start_a_service_without_keys_where_others_reach_it(command, tmp_path):
    with pytest.raises(BadSettings, match="RAYTHUMBS_API_KEYS"):
        CliRunner().invoke(app, [*command, "--data-dir", str(tmp_path)], catch_exceptions=False)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("word", [{"RAYTHUMBS_API_KEYS": KEYS}, {"RAYTHUMBS_ALLOW_WITHOUT_KEYS": "true"}])
def test_with_keys_or_a_word_it_goes_on_to_the_next_step(word, tmp_path):
    command = ["up", "--host", "0.0.0.0", "--address", "127.0.0.1:1", "--data-dir", str(tmp_path)]

    with pytest.raises(BadSettings, match="no Ray lets us in"):
        CliRunner().invoke(app, command, env=word, catch_exceptions=False)


def test_ray_serves_own_command_refuses_too(tmp_path):
    with pytest.raises(BadSettings, match="RAYTHUMBS_API_KEYS"):
        build({"host": "0.0.0.0", "data_dir": str(tmp_path)})
