"""The page: its files, their policy, and the stream of what it shows."""

import asyncio
import re
from contextlib import asynccontextmanager
from importlib.resources import files

from raythumbs.model.access import Scope
from raythumbs.web.page.files import INDEX, MANUAL, NAMES, page_file
from tests.web.test_folders import stream_of
from tests.web.test_keys import KEYS, SETTING, UNKNOWN, bearer

STATIC = files("raythumbs.web.page") / "static"


def replies(served, *paths, headers=None, **given):
    async def scenario(service):
        return [await service.http.get(path, headers=headers or {}) for path in paths]

    return served(scenario, **given)


def test_every_file_of_the_page_is_on_the_list_and_there():
    there = {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file()}

    assert set(NAMES.values()) == there - {INDEX, MANUAL, "vendor/LICENSES.txt"}


def test_the_page_and_its_scripts_load_only_files_of_the_list():
    html = page_file(INDEX).content.decode()
    loaded = set(re.findall(r'(?:src|href)="page/([^"]+)"', html))
    for name in NAMES.values():
        loaded |= set(re.findall(r'from ?"\./([^"]+)"', page_file(name).content.decode()))

    assert loaded
    assert loaded - NAMES.keys() == set()
    assert "http" not in html
    assert not re.search(r"<script(?![^>]*src=)|<style| style=| on\w+=", html)


def test_each_file_of_the_page_is_served_with_its_type_and_no_other_file_is(served):
    types = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
    others = ["/page/nothing.js", "/page/..%2f__init__.py", "/page/LICENSES.txt", "/page/vendor%2fpreact.js"]

    found = replies(served, *(f"/page/{name}" for name in NAMES), *others)

    for name, reply in zip(NAMES, found, strict=False):
        assert (reply.status_code, reply.headers["content-type"]) == (200, types[name.rpartition(".")[2]])
    assert {reply.status_code for reply in found[len(NAMES) :]} == {404}


def test_the_page_needs_no_key_and_lets_nothing_run_but_its_own_files(served):
    [page] = replies(served, "/", api_keys=SETTING)

    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert page.status_code == 200
    assert (policy["default-src"], policy["script-src"], policy["connect-src"]) == ("'none'", "'self'", "'self'")
    assert policy["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in page.headers["content-security-policy"]


def test_the_page_may_show_thumbnails_from_where_they_are_and_does_not_tell_strangers(served):
    cdn = {"store": "s3://photos", "thumbnails_base_url": "https://cdn.example.com/t"}
    reader, stranger = bearer(KEYS[Scope.READ]), bearer(UNKNOWN)

    [open_to_all] = replies(served, "/", **cdn)
    [known] = replies(served, "/", **cdn, api_keys=SETTING, headers=reader)
    [unknown] = replies(served, "/", **cdn, api_keys=SETTING, headers=stranger)

    named = [" https://cdn.example.com;" in one.headers["content-security-policy"] for one in (open_to_all, known)]
    assert named == [True, True]
    assert "example.com" not in unknown.headers["content-security-policy"]
    assert unknown.headers["cache-control"] == "no-store"  # a browser that has it would keep the policy too


def test_a_browser_that_has_a_file_is_not_sent_it_again(served):
    [first] = replies(served, "/page/start.js")
    [again] = replies(served, "/page/start.js", headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["cache-control"] == again.headers["cache-control"] == "no-cache"


@asynccontextmanager
async def page_events(service):
    """Open the stream of the page; give a function that waits until the sections meet a condition."""
    async with stream_of(service, "/api/page/events") as reply:
        lines = reply.aiter_lines()
        sections: dict[str, str] = {}

        async def until(met):
            name = ""
            while not met(sections):
                line = await anext(lines)
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    sections[name] = line.removeprefix("data: ")
            return sections

        async with asyncio.timeout(15):
            yield until


def test_the_stream_begins_with_everything_and_goes_on_with_the_parts_that_change(served, photo):
    async def scenario(service):
        async with page_events(service) as until:
            first = dict(await until(lambda seen: len(seen) == 4))
            await service.upload(("cat.jpg", photo))
            await service.upload(("words.jpg", b"these are words"))
            return first, await until(lambda seen: "cat.jpg" in seen["newest"] and "not_an_image" in seen["failures"])

    first, later = served(scenario)

    assert first.keys() == {"status", "failures", "newest", "backfills"}
    assert '"photos":[]' in first["newest"]
    assert '"p95Seconds"' in later["newest"]
    assert later["backfills"] == first["backfills"]


def test_the_stream_needs_a_key(served):
    [reply] = replies(served, "/api/page/events", api_keys=SETTING)

    assert (reply.status_code, reply.json()["code"]) == (401, "key_needed")


def test_the_manual_is_read_in_a_browser_and_runs_no_script(served):
    contents, start, missing = replies(served, "/manual", "/manual/start", "/manual/nothing", api_keys=SETTING)

    assert (contents.status_code, start.status_code, missing.status_code) == (200, 200, 404)
    assert 'href="manual/start"' in contents.text
    assert 'href="integrate"' in start.text
    assert set(re.findall(r'(?:src|href)="\.\./page/([^"]+)"', start.text)) <= NAMES.keys()
    assert "script-src" not in start.headers["content-security-policy"]
    assert "<script" not in start.text
