"""Links for pages of services that have keys: asked for by the app's server, opened by a browser without a key."""

import time
from datetime import datetime
from urllib.parse import quote, urlsplit

import pytest

from raythumbs.model.access import Scope
from raythumbs.web.keys import links_of
from tests.web.test_folders import events_of, stream_of
from tests.web.test_keys import KEYS, SETTING, bearer

READ, UPLOAD = bearer(KEYS[Scope.READ]), bearer(KEYS[Scope.UPLOAD])


async def links_to(service, *addresses):
    reply = await service.http.post("/api/links", json={"addresses": addresses}, headers=READ)
    assert reply.is_success, reply.text
    return [one["url"] for one in reply.json()["links"]]


async def uploaded(service, photo, **given):
    """Upload a photo with a key, wait for its thumbnails, and return what the reply says of it."""
    service.http.headers.update(bearer(KEYS[Scope.ADMIN]))
    (one,) = (await service.upload(("a b.jpg", photo), **given)).json()["uploads"]
    await service.ended(one["jobId"])
    del service.http.headers["Authorization"]
    return one


@pytest.mark.parametrize("is_public", [False, True])
def test_a_page_shows_a_thumbnail_by_its_source(served, photo, is_public):
    async def scenario(service):
        one = await uploaded(service, photo)
        address = f"/thumbnails/by-source/thumbnail?source={quote(one['source'], safe='')}"
        (url,) = await links_to(service, address)
        closed = await service.http.get(address)
        redirect = await service.http.get(url)
        return closed, redirect, await service.http.get(redirect.headers["location"]), await service.http.head(url)

    closed, redirect, thumbnail, head = served(scenario, api_keys=SETTING, public_thumbnails=is_public)

    assert closed.status_code == 401
    assert (redirect.status_code, redirect.headers["cache-control"]) == (302, "private, max-age=60")
    assert (thumbnail.status_code, thumbnail.headers["content-type"]) == (200, "image/jpeg")
    assert head.status_code == 302


def test_a_page_follows_a_folder(served, photo):
    async def scenario(service):
        await uploaded(service, photo, folder_id="my album")
        address = "/api/folders/my%20album/events?photos=1"
        (url,) = await links_to(service, address)
        parts = urlsplit(url)
        async with stream_of(service, f"{parts.path}?{parts.query}") as reply:
            return (await service.http.get(address)).status_code, reply.status_code, await events_of(reply)

    closed, status, events = served(scenario, api_keys=SETTING)

    assert (closed, status) == (401, 200)
    assert [(name, figures["succeeded"]) for name, figures, _ in events] == [("done", 1)]


@pytest.mark.parametrize(
    "altered",
    [
        lambda url: url.replace("/small", "/large"),
        lambda url: url.replace("a.jpg", "b.jpg"),
        lambda url: url + "&source=s3%3A%2F%2Fphotos%2Fb.jpg",
        lambda url: url.replace("signature=", "signature=x"),
        lambda url: url.partition("&expires")[0],
    ],
)
def test_an_altered_link_opens_nothing(served, altered):
    async def scenario(service):
        (url,) = await links_to(service, "/thumbnails/by-source/small?source=s3%3A%2F%2Fphotos%2Fa.jpg")
        return (await service.http.get(url)).status_code, (await service.http.get(altered(url))).status_code

    assert served(scenario, api_keys=SETTING) == (404, 401)


def test_an_expired_link_opens_nothing(served):
    path, asked, now = "/thumbnails/by-source/small", [("source", "s3://photos/a.jpg")], int(time.time())

    async def scenario(service):
        links = links_of(service.settings)
        statuses = [
            (await service.http.get(f"{path}?{links.query(path, asked, expires=expires)}")).status_code
            for expires in (now + 60, now)
        ]
        reply = await service.http.post("/api/links", json={"addresses": [path]}, headers=READ)
        return statuses, datetime.fromisoformat(reply.json()["expiresAt"]).timestamp()

    statuses, expires_at = served(scenario, api_keys=SETTING, link_seconds=600)

    assert statuses == [404, 401]
    assert now + 600 <= expires_at <= now + 1260


def test_without_keys_links_are_the_addresses_themselves(served):
    async def scenario(service):
        reply = await service.http.post("/api/links", json={"addresses": ["/api/folders/a%2Fb/events?photos=2"]})
        return reply.json()

    assert served(scenario) == {
        "links": [
            {
                "address": "/api/folders/a%2Fb/events?photos=2",
                "url": "http://127.0.0.1:8000/api/folders/a%2Fb/events?photos=2",
            }
        ],
        "expiresAt": None,
    }


@pytest.mark.parametrize(
    "address",
    [
        "/api/jobs", "/api/folders/album", "/api/uploads/direct", "/api/quarantine", "/metrics", "/nothing", "",
        "thumbnails/a.jpg", "//elsewhere.example.com/thumbnails/a.jpg", "https://elsewhere.example.com/thumbnails/a.jpg",
        "//[/thumbnails/a.jpg", "/thumbnails/é.jpg",
    ],
)  # fmt: skip
def test_a_link_opens_thumbnails_and_streams_only(served, address):
    async def scenario(service):
        return await service.http.post("/api/links", json={"addresses": [address]}, headers=READ)

    for keys in (SETTING, None):
        reply = served(scenario, api_keys=keys)

        assert (reply.status_code, reply.json()["code"]) == (400, "bad_request")


def test_a_page_uploads_to_a_folder_store_with_a_form(served, photo):
    async def scenario(service):
        asked = {"contentType": "image/jpeg", "folderId": "users/7", "sizeBytes": len(photo)}
        form = (await service.http.post("/api/uploads/presigned", json=asked, headers=UPLOAD)).json()

        async def post(url, data=photo, **fields):
            return await service.http.post(
                url, files={form["fileField"]: ("a.jpg", data)}, data=form["fields"] | fields
            )

        stored = await post(form["url"])
        too_large = await post(form["url"], photo + b"\0")
        elsewhere = await post(form["url"], folderId="users/8")
        altered = await post(form["url"].replace("users%2F7", "users%2F8"))
        larger = await post(form["url"].replace(f"maxBytes={len(photo)}", "maxBytes=99999999"))
        (folder,) = (await service.http.get("/api/photos", params={"folderId": "users/7"}, headers=READ)).json()[
            "photos"
        ]
        return form, stored, folder, [too_large, elsewhere, altered, larger]

    form, stored, folder, refused = served(scenario, api_keys=SETTING)

    assert stored.status_code == 202
    assert form["expiresAt"].endswith("Z")
    assert folder["source"] == stored.json()["uploads"][0]["source"]
    assert [one.status_code for one in refused] == [413, 400, 401, 401]
