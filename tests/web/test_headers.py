"""Headers against the use of answers as pages, and the one page that there is."""

import re

import pytest

from raythumbs.web.headers import PROTECTION


def answers(served, requests, **given):
    async def scenario(service):
        return [await service.http.request(method, path, content=body) for method, path, body in requests]

    return served(scenario, **given)


EVERY_KIND = [
    ("GET", "/api/jobs", b""), ("GET", "/healthz", b""), ("HEAD", "/readyz", b""), ("GET", "/nothing", b""),
    ("POST", "/api/jobs", b"{"), ("PUT", "/api/jobs", b""), ("POST", "/api/uploads/direct", b"x"),
    ("GET", "/thumbnails/a.jpg", b""), ("GET", "/openapi.json", b""), ("POST", "/api/jobs", b" " * 5_000_000),
]  # fmt: skip


@pytest.mark.parametrize("keys", [None, '{"name": "a", "key": "rt_0123456789abcdef", "scopes": ["read"]}'])
def test_every_answer_has_the_headers_whatever_its_status(served, keys):
    replies = answers(served, EVERY_KIND, api_keys=keys)

    for reply in replies:
        own = {"Cross-Origin-Resource-Policy"} if "/thumbnails/" in str(reply.url) else set()
        assert {name: reply.headers.get(name) for name in PROTECTION.keys() - own} == {
            name: value for name, value in PROTECTION.items() if name not in own
        }
    assert len({reply.status_code for reply in replies}) >= 2


def test_a_bug_is_answered_with_the_headers_too(served, monkeypatch):
    async def stumbling(*_, **__):
        raise RuntimeError

    async def scenario(service):
        monkeypatch.setattr(service.queue, "status", stumbling)
        return await service.http.get("/api/thumbnails/status")

    reply = served(scenario)

    assert reply.status_code == 500
    assert {name: reply.headers.get(name) for name in PROTECTION} == PROTECTION


def test_pages_of_other_sites_may_show_thumbnails_and_nothing_else(served, photo):
    async def scenario(service):
        [upload] = (await service.upload(("a.jpg", photo))).json()["uploads"]
        await service.ended(upload["jobId"])
        shown = await service.http.get(f"/api/photos/{upload['photoId']}")
        return shown, await service.http.get(shown.json()["renditions"][0]["url"])

    shown, thumbnail = served(scenario)

    assert shown.headers["cross-origin-resource-policy"] == "same-origin"
    assert thumbnail.headers["cross-origin-resource-policy"] == "cross-origin"
    assert thumbnail.headers["x-content-type-options"] == "nosniff"


def test_the_page_of_the_api_loads_only_files_of_the_service(served):
    async def scenario(service):
        page = await service.http.get("/docs")
        loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        return page, {one: await service.http.get(f"/{one}") for one in loaded if not one.startswith("data:")}

    page, loaded = served(scenario)

    assert page.headers["content-type"].startswith("text/html")
    assert "http" not in re.sub(r"<!doctype.*?>", "", page.text)
    assert "<script>" not in page.text
    assert "script-src 'self';" in page.headers["content-security-policy"]
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert {one: reply.status_code for one, reply in loaded.items()} == {
        "docs/swagger-ui.css": 200, "docs/swagger-ui-bundle.js": 200, "docs/start.js": 200,
    }  # fmt: skip
    assert all(int(reply.headers["content-length"]) > 100 for reply in loaded.values())
    assert loaded["docs/swagger-ui-bundle.js"].headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("file", ["index.html", "..%2fheaders.py", "redoc.standalone.js", "start.js%00"])
def test_the_page_of_the_api_has_no_other_files(served, file):
    [reply] = answers(served, [("GET", f"/docs/{file}", b"")])

    assert reply.status_code in {404, 422}
