"""API keys: which key opens which route."""

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import APIRouter
from starlette.routing import Route

from raythumbs.model.access import Scope
from raythumbs.web.doors import DOORS, Doors, Linked, Notification, Open, names_of
from raythumbs.web.routes import ROUTERS
from raythumbs.web.watch import Watch
from tests.web.test_api import s3_event

KEYS = {scope: f"rt_the-key-with-the-scope-{scope}" for scope in Scope}
SETTING = json.dumps([{"name": f"of-{scope}", "key": key, "scopes": [scope]} for scope, key in KEYS.items()])
UNKNOWN = "rt_a-key-that-nobody-has-made"
EVENTS = "/api/notifications/s3"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def routes() -> list[Route]:
    return [route for router in ROUTERS for route in router.routes if isinstance(route, Route)]


def test_every_route_has_a_door_and_every_door_a_route():
    names = set().union(*(names_of(route) for route in routes()))

    assert names == DOORS.keys()


def test_the_application_has_no_route_beside_those_that_have_doors(served):
    async def scenario(service):
        app = service.http._transport.app
        return [getattr(route, "path", None) for route in app.routes]

    assert {path for path in served(scenario) if path} <= {route.path for route in routes()}


def test_a_route_without_a_door_keeps_the_service_from_starting():
    router = APIRouter()
    router.add_api_route("/api/forgotten", lambda: None)

    with pytest.raises(KeyError, match="GET /api/forgotten"):
        Doors([router])


def concrete(name: str) -> tuple[str, str]:
    method, path = name.split(" ")
    for parameter, value in {"{path:path}": "a.jpg", "{file}": "start.js"}.items():
        path = path.replace(parameter, value)
    path = re.sub(r"\{\w+(:path)?\}", "x", path)
    return method, f"{path}?photos=0" if path.endswith("/events") else path  # which is refused, so no stream is opened


ASKING = {"WebHook-Request-Origin": "eventgrid.azure.net"}
SENDERS = {"webhook_origins": ("eventgrid.azure.net",)}


def statuses(served: Callable[..., Any], headers: dict[str, str], **given: object) -> dict[str, int]:
    """Ask each route; return the statuses."""

    async def scenario(service):
        app = service.http._transport.app
        app.state.page_watch = Watch(app.state.page_figures, stream_seconds=0)
        return {
            name: (await service.http.request(*concrete(name), headers=headers | ASKING, content=b"")).status_code
            for name in DOORS
        }

    return served(
        scenario,
        **{"api_keys": SETTING, "notification_token": "sesame", "b2_signing_secret": "s" * 32, **SENDERS, **given},
    )


@pytest.mark.parametrize("headers", [{}, bearer(UNKNOWN)], ids=["no key", "an unknown key"])
def test_without_a_known_key_only_open_routes_answer(served, headers):
    answered = statuses(served, headers)

    assert {name for name, status in answered.items() if status not in {400, 401}} == {
        name for name, door in DOORS.items() if door is Open.ALWAYS
    }
    # A body that cannot be B2's is refused before its signature.
    assert [name for name, status in answered.items() if status == 400] == ["POST /api/notifications/b2"]


@pytest.mark.parametrize("scope", Scope)
def test_a_key_opens_what_its_scope_says(served, scope):
    answered = statuses(served, bearer(KEYS[scope]))

    for name, door in DOORS.items():
        needed = Scope.READ if door is Open.THUMBNAIL else door.scope if isinstance(door, Linked) else door
        is_closed = isinstance(needed, Scope) and scope not in {needed, Scope.ADMIN}
        assert (answered[name] == 403) == is_closed, name
        assert answered[name] != 401 or (isinstance(door, Notification) and scope is Scope.READ), name


def test_without_keys_in_the_settings_every_route_is_open(served):
    answered = statuses(served, {}, api_keys=None, notification_token=None, b2_signing_secret=None)

    # Google's notifications are never taken unproven.
    assert [name for name, status in answered.items() if status in {401, 403}] == ["POST /api/notifications/gcs"]


def asked(served: Callable[..., Any], path: str, *, method: str = "GET", **given: Any) -> Any:
    headers, content = given.pop("headers", {}), given.pop("content", b"")

    async def scenario(service):
        return await service.http.request(method, path, headers=headers, content=content)

    return served(scenario, **{"api_keys": SETTING, **given})


def test_a_refusal_says_what_to_send(served):
    without = asked(served, "/api/jobs")
    lacking = asked(served, "/api/jobs", headers=bearer(KEYS[Scope.UPLOAD]))

    assert (without.status_code, without.json()["code"]) == (401, "key_needed")
    assert without.headers["www-authenticate"] == 'Bearer realm="raythumbs"'
    assert (lacking.status_code, lacking.json()["code"]) == (403, "scope_needed")
    assert "scope read" in lacking.json()["reason"]
    assert KEYS[Scope.UPLOAD] not in lacking.text


@pytest.mark.parametrize(
    "value",
    [
        "", "Bearer", "Bearer ", KEYS[Scope.READ], f"Basic {KEYS[Scope.READ]}", f"Token {KEYS[Scope.READ]}",
        f"Bearer {KEYS[Scope.READ]}x", f"Bearer {KEYS[Scope.READ][:-1]}", f"Bearer {KEYS[Scope.READ]} x",
        f"Bearer {KEYS[Scope.READ].upper()}", "Bearer " + "k" * 60_000, "Bearer \xff", "Bearer sha256:" + "0" * 64,
        "Basic " + base64.b64encode(f"x:{KEYS[Scope.READ]}".encode()).decode(),
    ],
)  # fmt: skip
def test_a_header_that_is_not_bearer_and_a_known_key_opens_nothing(served, value):
    assert asked(served, "/api/jobs", headers={"Authorization": value.encode("latin-1")}).status_code == 401


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER", "Bearer "])
def test_the_word_bearer_may_be_written_in_any_case(served, kind):
    assert asked(served, "/api/jobs", headers={"Authorization": f"{kind} {KEYS[Scope.READ]}"}).status_code == 200


def test_of_two_keys_none_counts(served):
    two = [("Authorization", f"Bearer {KEYS[Scope.READ]}"), ("Authorization", f"Bearer {UNKNOWN}")]

    assert asked(served, "/api/jobs", headers=two).status_code == 401
    assert asked(served, "/api/jobs", headers=two[::-1]).status_code == 401


@pytest.mark.parametrize("query", [f"key={KEYS[Scope.READ]}", f"access_token={KEYS[Scope.READ]}"])
def test_a_key_in_an_address_opens_nothing(served, query):
    assert asked(served, f"/api/jobs?{query}").status_code == 401


def test_a_hash_is_no_key(served):
    [first] = json.loads(SETTING)[:1]
    reply = asked(served, "/api/jobs", headers=bearer(f"sha256:{first['key']}"))

    assert reply.status_code == 401


@pytest.mark.parametrize("path", ["/nothing", "/api/jobs/", "//api/jobs", "/api/jobs/a/b/c"])
def test_an_address_that_is_no_route_needs_a_key_too(served, path):
    assert asked(served, path).status_code == 401
    assert asked(served, path, headers=bearer(KEYS[Scope.READ])).status_code in {404, 307, 405}


def test_a_key_is_asked_for_before_the_body_is_understood(served):
    broken = {"method": "POST", "content": b"{", "headers": {"Content-Type": "application/json"}}

    assert asked(served, "/api/jobs", **broken).status_code == 401


def test_a_service_without_keys_on_loopback_needs_none_and_with_keys_loopback_needs_one(served):
    assert asked(served, "/api/jobs", api_keys=None).status_code == 200
    assert asked(served, "/api/jobs", headers={"Host": "127.0.0.1:8000"}).status_code == 401


# --- readiness


def test_only_a_key_that_may_read_is_told_why_the_service_is_not_ready(served):
    async def scenario(service):
        store = service.settings.data_dir / "store"
        await service.http.get("/readyz")
        (store / ".unfinished").rmdir()
        store.rmdir()
        store.touch()
        return [await service.http.get("/readyz", headers=headers) for headers in ({}, bearer(KEYS[Scope.READ]))]

    stranger, reader = served(scenario, api_keys=SETTING)

    assert (stranger.status_code, stranger.json()["code"]) == (503, "not_ready")
    assert "store" not in stranger.text
    assert stranger.headers["retry-after"]
    assert (reader.status_code, reader.json()["code"]) == (503, "store_unavailable")


def test_health_is_open(served):
    assert asked(served, "/healthz").json() == {"status": "alive"}
    assert asked(served, "/readyz").json() == {"status": "ready"}


# --- notifications


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"sns:{password}".encode()).decode()}


@pytest.mark.parametrize("token", [None, "sesame"])
@pytest.mark.parametrize(
    "headers",
    [
        bearer(KEYS[Scope.UPLOAD]),
        bearer(KEYS[Scope.ADMIN]),
        basic(KEYS[Scope.UPLOAD]),
        {"Authorization": KEYS[Scope.UPLOAD]},
    ],
)
def test_a_notification_may_come_with_a_key_that_may_upload(served, token, headers):
    reply = asked(served, EVENTS, method="POST", content=s3_event("a.jpg"), headers=headers, notification_token=token)

    assert (reply.status_code, reply.json()["accepted"]) == (200, 1)


@pytest.mark.parametrize("token", [None, "sesame"])
@pytest.mark.parametrize("headers", [{}, bearer(KEYS[Scope.READ]), bearer(UNKNOWN), basic(UNKNOWN)])
def test_a_notification_with_neither_its_token_nor_such_a_key_is_refused(served, token, headers):
    reply = asked(served, EVENTS, method="POST", content=s3_event("a.jpg"), headers=headers, notification_token=token)

    assert (reply.status_code, reply.json()["code"]) == (401, "unauthorised")
    assert reply.headers["www-authenticate"].startswith("Basic")  # else SNS would not send its password


@pytest.mark.parametrize("headers", [bearer("sesame"), basic("sesame"), {"Authorization": "sesame"}])
def test_a_notification_with_its_token_needs_no_key(served, headers):
    reply = asked(
        served, EVENTS, method="POST", content=s3_event("a.jpg"), headers=headers, notification_token="sesame"
    )

    assert (reply.status_code, reply.json()["accepted"]) == (200, 1)


def test_the_token_of_notifications_opens_nothing_else(served):
    assert asked(served, "/api/jobs", headers=bearer("sesame"), notification_token="sesame").status_code == 401


# --- thumbnails


def linked(served: Callable[..., Any], photo: bytes, *changes: Callable[[str], str], **given: object) -> list[Any]:
    """Upload a photo; fetch its thumbnail from the link, and from each changed one, without a key."""

    async def scenario(service):
        service.http.headers.update(bearer(KEYS[Scope.ADMIN]))
        [upload] = (await service.upload(("a.jpg", photo))).json()["uploads"]
        await service.ended(upload["jobId"])
        [rendition] = (await service.http.get(f"/api/photos/{upload['photoId']}")).json()["renditions"]
        del service.http.headers["Authorization"]
        links = [rendition["url"], *(change(rendition["url"]) for change in changes)]
        return [await service.http.get(link) for link in links]

    return served(scenario, **{"api_keys": SETTING, **given})


def test_the_link_to_a_thumbnail_opens_without_a_key_and_is_for_nobodys_cache(served, photo):
    [reply] = linked(served, photo)

    assert (reply.status_code, reply.headers["content-type"]) == (200, "image/jpeg")
    assert reply.headers["cache-control"] == "private, max-age=31536000, immutable"


CHANGES = [
    lambda url: url.partition("?")[0],
    lambda url: url[:-1] + ("A" if url[-1] != "A" else "B"),
    lambda url: url.replace("expires=", "expires=9"),
    lambda url: url.replace("thumbnail.jpg", "other.jpg"),
    lambda url: url.replace("/thumbnails/", "/thumbnails/x/"),
    lambda url: url.replace("expires=", "expires=-"),
    lambda url: url.replace("signature=", "signature=%00"),
    lambda url: url.replace("signature=", "signature=%F0%9F%98%80"),
    lambda url: url + "&expires=99999999999",
]


def test_a_changed_link_does_not_open(served, photo):
    unchanged, *changed = linked(served, photo, *CHANGES)

    assert unchanged.status_code == 200
    assert [(reply.status_code, str(reply.url)) for reply in changed if reply.status_code != 401] == []


def test_public_thumbnails_need_no_link(served, photo):
    [reply] = linked(served, photo, public_thumbnails=True)

    assert "?" not in str(reply.url)
    assert (reply.status_code, reply.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")


@pytest.mark.parametrize("keys", [{}, {"api_keys": SETTING}])
def test_the_link_to_a_thumbnail_leads_to_where_the_service_is_now(served, photo, keys):
    async def uploaded(service):
        [upload] = (await service.upload(("a.jpg", photo))).json()["uploads"]
        await service.ended(upload["jobId"])
        return upload["photoId"]

    async def link(service):
        reply = await service.http.get(f"/api/photos/{photo_id}", headers=bearer(KEYS[Scope.READ]))
        return reply.json()["renditions"][0]["url"]

    photo_id = served(uploaded, port=8001)

    assert served(link, port=8002, **keys).startswith("http://127.0.0.1:8002/thumbnails/")


# --- the description


def test_the_description_says_which_scope_each_route_needs(served):
    description = asked(served, "/openapi.json").json()
    open_description = asked(served, "/openapi.json", api_keys=None).json()

    assert description["components"]["securitySchemes"] == {"apiKey": {"type": "http", "scheme": "bearer"}}
    assert description["paths"]["/api/jobs"]["get"]["security"] == [{"apiKey": ["read"]}]
    assert description["paths"]["/healthz"]["get"]["security"] == []
    assert "securitySchemes" not in open_description["components"]


def test_a_page_of_an_allowed_origin_may_send_its_key_and_sees_the_refusal(served):
    page = {"Origin": "https://app.example.com"}
    preflight = page | {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    allowed = {"allowed_origins": ("https://app.example.com",)}

    before = asked(served, "/api/jobs", method="OPTIONS", headers=preflight, **allowed)
    refused = asked(served, "/api/jobs", headers=page, **allowed)

    assert before.status_code == 204
    assert "authorization" in before.headers["access-control-allow-headers"].lower()
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "https://app.example.com")


# --- thumbnails by source: a stranger can guess a source


@pytest.fixture
def bucket(s3_endpoint, s3_bucket):
    """Settings with a bucket as the store."""
    return {"store": f"s3://{s3_bucket}", "s3_endpoint_url": s3_endpoint}


def by_source(served: Callable[..., Any], photo: bytes, *headers: dict[str, str], **given: object) -> list[Any]:
    """Upload a photo; ask for its thumbnail by its source, with each of the headers."""

    async def scenario(service):
        service.http.headers.update(bearer(KEYS[Scope.ADMIN]))
        (one,) = (await service.upload(("a.jpg", photo))).json()["uploads"]
        await service.ended(one["jobId"])
        del service.http.headers["Authorization"]
        path, asked = "/thumbnails/by-source/thumbnail", {"source": one["source"]}
        return [await service.http.get(path, params=asked, headers=some) for some in headers]

    return served(scenario, api_keys=SETTING, **given)


@pytest.mark.parametrize("is_public", [False, True])
def test_public_thumbnails_do_not_open_those_that_are_asked_for_by_source(served, photo, bucket, is_public):
    for store in ({}, bucket):
        without_key, unknown_key = by_source(served, photo, {}, bearer(UNKNOWN), public_thumbnails=is_public, **store)

        for reply in (without_key, unknown_key):
            assert (reply.status_code, reply.json()["code"]) == (401, "key_needed")
            assert "location" not in reply.headers


@pytest.mark.parametrize("is_public", [False, True])
def test_a_stranger_is_not_told_whether_a_source_is_known(served, is_public):
    path = "/thumbnails/by-source/thumbnail?source=s3%3A%2F%2Fphotos%2Fnone.jpg"

    assert asked(served, path, public_thumbnails=is_public).status_code == 401


@pytest.mark.parametrize("is_public", [False, True])
def test_a_key_that_may_read_gets_a_thumbnail_by_source_which_shared_caches_do_not_keep(served, photo, is_public):
    [reply] = by_source(served, photo, bearer(KEYS[Scope.READ]), public_thumbnails=is_public)

    assert (reply.status_code, reply.headers["cache-control"]) == (302, "private, max-age=60")
