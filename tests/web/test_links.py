from urllib.parse import parse_qsl

import pytest
from pydantic import SecretStr

from raythumbs.web.links import Links, Pairs

PATH = "/thumbnails/ab/cd/thumbnail.jpg"
ASKED = [("source", "s3://photos/a b.jpg")]


class Given:
    """A link that was made at a time, as a request brings it."""

    def __init__(self, links: Links, now: float, *, path: str = PATH, asked: Pairs = ()) -> None:
        self.query = links.query(path, asked, expires=links.expiry(now=now))
        self.proof = dict(parse_qsl(self.query))


@pytest.fixture
def links():
    return Links(SecretStr("keys"), seconds=3600)


def test_a_link_opens_for_its_seconds_at_least_and_for_twice_as_long_at_most(links, clock):
    proof = Given(links, clock.now).proof

    assert links.opens(PATH, (), proof, now=clock.now)
    assert links.opens(PATH, (), proof, now=clock.now + 3600)
    assert not links.opens(PATH, (), proof, now=clock.now + 7200)


def test_a_link_stays_the_same_for_a_while_so_that_browsers_find_it_in_their_cache(links, clock):
    made = {Given(links, clock.now + minute * 60).query for minute in range(60)}

    assert len(made) <= 2


def test_links_of_other_keys_do_not_open(links, clock):
    proof = Given(links, clock.now).proof

    assert not Links(SecretStr("other keys"), seconds=3600).opens(PATH, (), proof, now=clock.now)


def test_a_link_opens_one_path(links, clock):
    proof = Given(links, clock.now).proof

    assert not links.opens("/thumbnails/ab/cd/other.jpg", (), proof, now=clock.now)
    assert not links.opens(PATH, (), {}, now=clock.now)
    assert not links.opens(PATH, (), proof | {"expires": "9" * 5000}, now=clock.now)
    assert not links.opens(PATH, (), proof | {"expires": "١٨٠٠٠٠٧٢٠٠"}, now=clock.now)


def test_a_link_opens_one_query_in_any_order(links, clock):
    more = [*ASKED, ("photos", "")]
    given = Given(links, clock.now, asked=more)

    assert parse_qsl(given.query, keep_blank_values=True)[:2] == more
    turned = parse_qsl(given.query, keep_blank_values=True)[::-1]
    assert links.opens(PATH, turned, given.proof, now=clock.now)
    for other in ([], ASKED, [*more, *more], [*more, ("photos", "2")], [("source", "s3://photos/b.jpg")]):
        assert not links.opens(PATH, other, given.proof, now=clock.now)


@pytest.mark.parametrize(
    ("path", "same", "other"),
    [
        ("/api/folders/a b/events", "/api/folders/a%20b/events", "/api/folders/a%2520b/events"),
        ("/api/folders/a/events", "/api/folders/%61/events", "/api/folders/a%2Fevents"),
        ("/api/folders/é/events", "/api/folders/%C3%A9/events", "/api/folders/%E9/events"),
    ],
)
def test_a_path_may_be_escaped_in_any_way_but_an_escaped_slash_is_no_slash(links, clock, path, same, other):
    proof = Given(links, clock.now, path=path).proof

    assert links.opens(same, (), proof, now=clock.now)
    assert not links.opens(other, (), proof, now=clock.now)
