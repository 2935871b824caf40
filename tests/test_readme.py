"""The README is short, shows what is true, and leads to every page of the manual."""

import re
from pathlib import Path

from rich.console import Console

from raythumbs.demo.result import DemoResult
from raythumbs.manual import PAGES

HOUSE = Path(__file__).parent.parent
README = (HOUSE / "README.md").read_text()
MOST_LINES = 250


def test_the_readme_can_be_read_in_five_minutes():
    assert len(README.splitlines()) <= MOST_LINES


def test_the_readme_leads_to_every_page_of_the_manual():
    linked = set(re.findall(r"\]\(raythumbs/manual/([\w-]+)\.md\)", README.partition("## Manual")[2]))

    assert linked >= set(PAGES)


def test_the_demos_picture_is_what_the_demo_prints_of_its_figures():
    [picture] = re.findall(r"```\n( +raythumbs demo\n.*?)```", README, re.DOTALL)
    figures = DemoResult(
        accepted=100,
        succeeded=100,
        failed=0,
        seconds=3.61,
        photos_per_second=27.7,
        sequential_photos_per_second=19.0,
        speedup=1.39,
        cpu_percent=86,
        workers=2,
        thumbnails_dir="/tmp/raythumbs-demo-…/data/store/thumbnails",
    )
    console = Console(width=74, color_system=None, force_terminal=False)

    with console.capture() as printed:
        console.print(figures.as_table())

    assert [line.rstrip() for line in printed.get().splitlines()] == picture.splitlines()


def test_the_licence_is_that_of_the_project():
    project = (HOUSE / "pyproject.toml").read_text()
    text = (HOUSE / "raythumbs" / "LICENSE").read_text()

    assert 'license = "Apache-2.0"' in project
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "[Apache License 2.0](raythumbs/LICENSE)" in README


def test_what_a_change_must_pass_ends_with_the_readmes_line_of_tests():
    lines = [line for line in README.splitlines() if "'.[test]'" in line]

    installing = "python3 -m venv --upgrade-deps .venv && .venv/bin/pip install -q --no-compile -e '.[test]'"
    assert lines == [f"{installing} && .venv/bin/pytest -n 3"]
    assert """grep -m1 -F "'.[test]'" README.md""" in (HOUSE / ".ci" / "run").read_text()
