"""Pages of allowed origins may use the API and read its answers, refusals too."""

import asyncio

import httpx2
import pytest

from raythumbs.app import dependencies
from raythumbs.settings import load_settings
from raythumbs.web.api import make_app

APP = "https://app.example.com"
ALLOWED = {"allowed_origins": (APP,)}


def preflight(method, headers="authorization,content-type", origin=APP):
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }


@pytest.mark.parametrize(
    "path", ["/api/jobs", "/api/uploads/direct", "/api/uploads/presigned", "/api/folders/a/events"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
def test_a_preflight_of_an_allowed_origin_is_answered(served, path, method):
    async def scenario(service):
        return await service.http.options(path, headers=preflight(method))

    reply = served(scenario, **ALLOWED)

    assert (reply.status_code, reply.content) == (204, b"")
    assert reply.headers["access-control-allow-origin"] == APP
    assert method in reply.headers["access-control-allow-methods"].split(", ")
    allowed = reply.headers["access-control-allow-headers"].lower().split(", ")
    assert {"authorization", "content-type", "last-event-id", "range", "if-none-match"} <= set(allowed)
    assert reply.headers["vary"] == "Origin"


def test_a_preflight_of_another_origin_is_refused_with_the_reason(served):
    async def scenario(service):
        return await service.http.options("/api/jobs", headers=preflight("POST", origin="https://evil.example"))

    reply = served(scenario, **ALLOWED)

    assert (reply.status_code, reply.json()["code"]) == (403, "foreign_origin")
    assert "access-control-allow-origin" not in reply.headers


REFUSALS = {
    "unknown": ("GET", "/api/jobs/none", {}, b"", 404),
    "no route": ("GET", "/nothing", {}, b"", 404),
    "no method": ("DELETE", "/api/jobs", {}, b"", 405),
    "not JSON": ("POST", "/api/jobs", {"Content-Type": "text/plain"}, b"x", 415),
    "invalid": ("POST", "/api/jobs", {"Content-Type": "application/json"}, b"{}", 422),
    "too large": ("POST", "/api/jobs", {"Content-Type": "application/json"}, b" " * 3000, 413),
    "encoded": ("POST", "/api/jobs", {"Content-Encoding": "gzip"}, b"x", 415),
    "other host": ("GET", "/api/jobs", {"Host": "evil.example"}, b"", 421),
    "overloaded": ("POST", "/api/uploads/direct", {"Content-Type": "multipart/form-data; boundary=x"}, b"x", 503),
}


@pytest.mark.parametrize("asked", REFUSALS.values(), ids=REFUSALS)
def test_a_page_can_read_why_it_was_refused(served, asked):
    method, path, headers, body, status = asked

    async def scenario(service):
        return await service.http.request(method, path, headers={"Origin": APP, **headers}, content=body)

    reply = served(scenario, max_body_bytes=2000, min_free_memory_bytes=1 << 60, **ALLOWED)

    assert reply.status_code == status, reply.text
    assert set(reply.json()) == {"code", "reason"}
    assert reply.headers["access-control-allow-origin"] == APP
    assert "Retry-After" in reply.headers["access-control-expose-headers"]


class Stumbling:
    """A queue with a bug."""

    async def folder(self, folder_id):
        raise ZeroDivisionError(folder_id)


def test_a_page_can_read_that_the_service_has_stumbled(tmp_path):
    app = make_app(dependencies(load_settings(data_dir=tmp_path, **ALLOWED), Stumbling()))

    async def ask():
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1:8000") as http:
            return await http.get("/api/folders/album", headers={"Origin": APP})

    reply = asyncio.run(ask())

    assert (reply.status_code, reply.json()["code"]) == (500, "internal")
    assert reply.headers["access-control-allow-origin"] == APP


def test_an_answer_varies_by_origin_even_if_no_page_asked(served):
    async def scenario(service):
        return await service.http.get("/healthz")

    reply = served(scenario, **ALLOWED)

    assert reply.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize("named", ["https://app.example.com:443", "https://APP.example.com"])
def test_an_origin_may_be_named_with_its_usual_port_and_in_capitals(served, named):
    async def scenario(service):
        return await service.http.get("/healthz", headers={"Origin": APP})

    assert served(scenario, allowed_origins=(named,)).headers["access-control-allow-origin"] == APP


def test_without_allowed_origins_no_page_of_another_origin_is_answered(served):
    async def scenario(service):
        return [
            await service.http.options("/api/jobs", headers=preflight("POST")),
            await service.http.get("/healthz", headers={"Origin": APP}),
        ]

    refused, read = served(scenario)

    assert refused.status_code == 405
    assert {"access-control-allow-origin"} & {*refused.headers, *read.headers} == set()
