"""`raythumbs manual`: the manual in a terminal."""

import pytest
from rich.console import Console
from typer.testing import CliRunner

from raythumbs.cli import app
from raythumbs.manual import PAGES, UnknownPage, read_page, terminal


def shown(page: str | None) -> str:
    console = Console(width=100, color_system=None, force_terminal=False)
    with console.capture() as printed:
        terminal.show(page, console)
    return printed.get()


def test_without_a_page_the_contents_are_shown_with_a_line_for_each():
    lines = shown(None).splitlines()

    assert [line.split()[0] for line in lines if line.startswith("   ")] == list(PAGES)
    assert all(any(line.endswith(page.summary) for line in map(str.rstrip, lines)) for page in PAGES.values())


def test_a_page_is_shown_as_text_with_the_names_of_the_pages_that_it_leads_to():
    text = shown("start")

    assert "Run the service" in text
    assert "##" not in text
    assert "Integrate (integrate.md)" in text


def test_a_page_is_found_by_the_name_of_its_file_too():
    assert read_page("API.md") == read_page("api")


@pytest.mark.parametrize(
    ("name", "nearest"), [("setings", "settings"), ("formats", "sizes-and-formats"), ("ap", "api")]
)
def test_an_unknown_page_is_refused_with_the_name_that_comes_nearest(name, nearest):
    with pytest.raises(UnknownPage, match=f"no page '{name}': did you mean '{nearest}'"):
        read_page(name)


def test_a_name_like_no_page_is_refused_with_the_way_to_the_contents():
    with pytest.raises(UnknownPage, match="`raythumbs manual` lists all pages"):
        read_page("zzz")


def test_the_command_shows_a_page():
    told = CliRunner().invoke(app, ["manual", "errors"])

    assert told.exit_code == 0
    assert "Codes of replies" in told.output
