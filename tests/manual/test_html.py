"""The manual as HTML: its links lead somewhere in a browser too."""

import re

import pytest

from raythumbs.errors import RaythumbsError
from raythumbs.manual import PAGES
from raythumbs.manual.html import page_as_html


@pytest.mark.parametrize("name", PAGES)
def test_every_link_of_a_page_leads_to_a_page_and_a_heading_that_are_there(name):
    for link in re.findall(r'<a href="([^"]+)"', page_as_html(name)):
        page, _, place = link.partition("#")
        if "://" in link:
            continue
        assert page in {*PAGES, ""}, link
        assert not place or f'id="{place}"' in page_as_html(page or name), link


def test_a_page_shows_its_tables_and_its_code_and_hides_its_comments():
    settings, errors = page_as_html("settings"), page_as_html("errors")

    assert re.search(r"(?s)<table>.*<th>.*</table>", errors)
    assert "`" not in errors
    assert "&lt;!--" not in settings
    assert "<pre" in page_as_html("start")


def test_code_is_shown_as_it_is_written():
    assert "&lt;img src=" in page_as_html("integrate")


def test_a_page_that_is_not_there_is_refused():
    with pytest.raises(RaythumbsError, match="did you mean 'settings'"):
        page_as_html("setting")
