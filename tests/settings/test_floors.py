"""The service does not start with packages that are too old."""

import tomllib
from pathlib import Path

import pytest

from raythumbs.errors import NotStarted
from raythumbs.settings.floors import FLOORS, refuse_old_packages


def test_the_packages_that_are_installed_are_new_enough():
    refuse_old_packages()


@pytest.mark.parametrize("package", FLOORS)
def test_an_older_package_is_refused_with_both_versions(package, monkeypatch):
    monkeypatch.setitem(FLOORS, package, (99, 1))

    with pytest.raises(NotStarted, match=rf"{package} [\d.]+ is installed; it must be 99.1 or newer"):
        refuse_old_packages()


@pytest.mark.parametrize(("package", "asked"), [("pillow", "pillow>=13,"), ("pillow-heif", "pillow-heif>=1.8,"),
                                                ("ray", "ray[serve]==2.60.*")])  # fmt: skip
def test_the_project_asks_for_the_same(package, asked):
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]

    assert [one for one in project["dependencies"] if one.startswith(asked)]
    assert package in FLOORS
