from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr

from raythumbs.web.links import Links

URL, PATH = "http://here/thumbnails/ab/cd/thumbnail.jpg", "ab/cd/thumbnail.jpg"


def query(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def test_a_link_opens_for_its_seconds_at_least_and_for_twice_as_long_at_most(clock):
    links = Links(SecretStr("keys"), seconds=3600)
    given = query(links.signed(URL, PATH, now=clock.now))

    assert links.opens(PATH, given, now=clock.now)
    assert links.opens(PATH, given, now=clock.now + 3600)
    assert not links.opens(PATH, given, now=clock.now + 7200)


def test_a_link_stays_the_same_for_a_while_so_that_browsers_find_it_in_their_cache(clock):
    links = Links(SecretStr("keys"), seconds=3600)

    made = {links.signed(URL, PATH, now=clock.now + minute * 60) for minute in range(60)}

    assert len(made) <= 2


def test_links_of_other_keys_do_not_open(clock):
    given = query(Links(SecretStr("keys"), seconds=60).signed(URL, PATH, now=clock.now))

    assert not Links(SecretStr("other keys"), seconds=60).opens(PATH, given, now=clock.now)


def test_a_link_opens_one_thumbnail(clock):
    links = Links(SecretStr("keys"), seconds=60)
    given = query(links.signed(URL, PATH, now=clock.now))

    assert not links.opens("ab/cd/other.jpg", given, now=clock.now)
    assert not links.opens(PATH, {}, now=clock.now)
    assert not links.opens(PATH, given | {"expires": "9" * 5000}, now=clock.now)
    assert not links.opens(PATH, given | {"expires": "١٨٠٠٠٠٧٢٠٠"}, now=clock.now)
