"""`raythumbs manual`: the manual in a terminal."""

import pytest
from rich.console import Console
from typer.testing import CliRunner

from raythumbs.cli import app
from raythumbs.manual import PAGES, UnknownPage, read_page, terminal


def shown(page: str | None, *, width: int = 100) -> str:
    console = Console(width=width, color_system=None, force_terminal=False)
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


def test_a_section_is_shown_without_the_others():
    text = shown("runbook#photos-do-not-come")

    assert text.startswith("Photos do not come")
    assert "raythumbs resume" in text
    assert "First look" not in text
    assert "Events and webhooks" not in text


def test_comments_in_code_are_no_headings_and_a_section_has_its_subsections():
    text = shown("runbook#alerts")

    assert all(title in text for title in ("RaythumbsDown", "RaythumbsRetries"))
    assert "does a process answer?" in shown("runbook#first-look")


def test_a_section_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(UnknownPage, match=r"no section 'nope'; it has .*first-look"):
        shown("runbook#nope")


@pytest.mark.parametrize("page", PAGES)
def test_nothing_that_a_person_must_type_is_cut_off_on_a_narrow_terminal(page):
    assert shown(page, width=60).count("…") <= read_page(page).count("…")
