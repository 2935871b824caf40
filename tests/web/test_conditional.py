"""What a client that has a file already, or wants parts of it, is answered."""

import asyncio
import os

import httpx2
import pytest
from starlette.datastructures import Headers

from raythumbs.web.conditional import ConditionalFileResponse, is_unchanged, useful_range

DATA = bytes(range(256)) * 4
MODIFIED = 1_792_565_280
DATE = "Wed, 21 Oct 2026 06:48:00 GMT"
ETAG = '"ab12"'


@pytest.fixture
def asked(tmp_path):
    """Ask for a file; return the answer."""
    path = tmp_path / "a.webp"
    path.write_bytes(DATA)
    os.utime(path, (MODIFIED, MODIFIED))
    headers = {"Cache-Control": "public", "ETag": ETAG}
    response = ConditionalFileResponse(path, stat_result=path.stat(), media_type="image/webp", headers=headers)

    def ask(method="GET", **headers):
        async def within():
            async with httpx2.AsyncClient(transport=httpx2.ASGITransport(response), base_url="http://here") as http:
                return await http.request(
                    method, "/", headers={name.replace("_", "-"): value for name, value in headers.items()}
                )

        return asyncio.run(within())

    return ask


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "headers",
    [
        {"if_none_match": ETAG},
        {"if_none_match": f"W/{ETAG}"},
        {"if_none_match": f'"x", W/"y,z",{ETAG}'},
        {"if_none_match": "*"},
        {"if_none_match": " * "},
        {"if_none_match": ETAG, "if_modified_since": "Mon, 01 Jan 2001 00:00:00 GMT"},
        {"if_none_match": ETAG, "range": "bytes=0-1"},
        {"if_modified_since": DATE},
        {"if_modified_since": "Wednesday, 21-Oct-26 06:48:00 GMT"},
        {"if_modified_since": "Fri, 01 Jan 2027 00:00:00 GMT"},
    ],
)
def test_a_client_that_has_the_file_is_told_so_and_sent_nothing(asked, method, headers):
    answer = asked(method, **headers)

    assert (answer.status_code, answer.content) == (304, b"")
    assert {name: answer.headers[name] for name in ("etag", "cache-control", "last-modified")} == {
        "etag": ETAG,
        "cache-control": "public",
        "last-modified": DATE,
    }
    assert not {"content-type", "content-length"} & set(answer.headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"if_none_match": '"other"'},
        {"if_none_match": '"other"', "if_modified_since": DATE},
        {"if_none_match": "ab12"},
        {"if_none_match": ""},
        {"if_modified_since": "Wed, 21 Oct 2026 06:47:59 GMT"},
        {"if_modified_since": "yesterday"},
        {"if_modified_since": "Wed, 21 Oct 99999999999 06:47:59 GMT"},
        {"range": "items=1-2"},
        {"range": "items"},
        {"range": "bytes=0-1", "if_range": '"other"'},
    ],
)
def test_a_client_that_may_not_have_the_file_gets_it_whole(asked, headers):
    answer = asked(**headers)

    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["content-type"] == "image/webp"


@pytest.mark.parametrize(
    ("asked_for", "content"),
    [
        ("bytes=0-9", DATA[:10]),
        ("BYTES=0-9", DATA[:10]),
        ("bytes=-10", DATA[-10:]),
        ("bytes=1000-9999999", DATA[1000:]),
        ("bytes= 0-9 , 99999-100000", DATA[:10]),
        ("bytes=99999-,5-6", DATA[5:7]),
        ("bytes=0-5,3-9", DATA[:10]),
    ],
)
def test_of_several_ranges_those_count_that_the_file_has(asked, asked_for, content):
    answer = asked(range=asked_for)

    assert (answer.status_code, answer.content) == (206, content)


def test_several_parts_come_as_several_parts(asked):
    answer = asked(range="bytes=0-3,8-11,99999-")

    assert answer.status_code == 206
    assert answer.headers["content-type"].startswith("multipart/byteranges")
    assert answer.content.count(b"Content-Type: image/webp") == 2


@pytest.mark.parametrize(
    ("asked_for", "status"), [("bytes=99999-", 416), ("bytes=-0", 416), ("bytes=x", 400), ("bytes=9-1", 400)]
)
def test_a_range_that_the_file_has_nothing_of_is_refused(asked, asked_for, status):
    assert asked(range=asked_for).status_code == status


def test_a_head_has_the_size_of_the_whole_file_whatever_range_is_asked_for(asked):
    answer = asked("HEAD", range="bytes=0-9")

    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, str(len(DATA)), b"")


def test_tags_of_several_headers_are_one_list():
    headers = Headers(raw=[(b"if-none-match", b'"x"'), (b"if-none-match", ETAG.encode())])

    assert is_unchanged(headers, etag=ETAG, last_modified=DATE)


@pytest.mark.parametrize(
    "asked_for", ["bytes=" + "9" * 5000 + "-", "bytes=" + "0-0," * 9999 + "0-0", "bytes=", "=", ""]
)
def test_a_range_that_means_harm_ends(asked_for):
    assert useful_range(asked_for, size_bytes=5) in {None, asked_for}
