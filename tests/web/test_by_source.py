"""An app finds its photos and thumbnails by what it knows: the source, or the folder."""

import threading

import httpx2
import pytest

from raythumbs.model.photo import RenditionSpec
from tests.web.bucket_events import event_of


async def uploaded(service, photo, **given):
    (one,) = (await service.upload(("a.jpg", photo), **given)).json()["uploads"]
    await service.ended(one["jobId"])
    return one


def test_a_photo_is_found_by_its_source_with_its_job_and_its_thumbnails(served, photo):
    async def scenario(service):
        one = await uploaded(service, photo, folder_id="album")
        found = (await service.http.get("/api/photos", params={"source": one["source"]})).json()
        shown = (await service.http.get(f"/api/photos/{one['photoId']}")).json()
        return one, found, shown

    one, found, shown = served(scenario)

    (photo,) = found["photos"]
    assert (photo["state"], photo["job"]["jobId"], found["nextCursor"]) == ("succeeded", one["jobId"], None)
    assert photo == shown | {"state": photo["state"], "job": photo["job"]}
    assert {"url", "width", "height"} <= set(photo["renditions"][0])


def test_a_source_that_is_not_known_finds_nothing(served):
    async def scenario(service):
        return (await service.http.get("/api/photos", params={"source": "s3://photos/none.jpg"})).json()

    assert served(scenario) == {"photos": [], "nextCursor": None}


def test_the_photos_of_a_folder_come_page_by_page(served):
    async def scenario(service):
        for number in range(5):
            await service.http.post("/api/notifications/s3", content=event_of(f"album/{number}.jpg"))
        pages, cursor = [], {}
        while cursor is not None:
            asked = {"folderId": "album", "limit": 2, **cursor}
            page = (await service.http.get("/api/photos", params=asked)).json()
            pages.append([one["source"][-5] for one in page["photos"]])
            cursor = {"cursor": page["nextCursor"]} if page["nextCursor"] else None
        return pages

    assert served(scenario) == [["4", "3"], ["2", "1"], ["0"]]


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({}, 400, "bad_request"),
        ({"source": "s3://photos/a.jpg", "folderId": "f"}, 400, "bad_request"),
        ({"source": "https://example.com/a.jpg"}, 422, "bad_source"),
        ({"source": "s3://photos/" + "k" * 1025}, 422, "bad_source"),
        ({"source": "s3://photos/" + "k" * 9000}, 422, "bad_request"),
        ({"source": "file:///etc/passwd"}, 403, "source_not_allowed"),
        ({"folderId": ""}, 422, "bad_request"),
        ({"folderId": "ä" * 513}, 422, "unstorable"),
        ({"folderId": "f", "limit": 1001}, 422, "bad_request"),
    ],
)
def test_what_cannot_be_found_is_refused(served, asked, status, code):
    async def scenario(service):
        return await service.http.get("/api/photos", params=asked)

    reply = served(scenario)

    assert (reply.status_code, reply.json()["code"]) == (status, code)


# --- thumbnails by source

TWO = (RenditionSpec(name="small", width=30), RenditionSpec(name="large", width=60))


def test_an_address_with_the_source_leads_to_the_thumbnail(served, photo):
    async def scenario(service):
        one = await uploaded(service, photo)
        where = {"source": one["source"]}
        return {
            (method, spec): [
                await service.http.request(method, f"/thumbnails/by-source/{spec}", params=where, follow_redirects=f)
                for f in (False, True)
            ]
            for method in ("GET", "HEAD")
            for spec in ("small", "large")
        }

    replies = served(scenario, specs=TWO)

    for (_, spec), (redirect, thumbnail) in replies.items():
        assert (redirect.status_code, redirect.headers["cache-control"]) == (302, "public, max-age=60")
        assert redirect.headers["location"].endswith(f"/{spec}.jpg")
        assert (thumbnail.status_code, thumbnail.headers["content-type"]) == (200, "image/jpeg")


def test_without_a_thumbnail_the_answer_has_the_state_of_the_job(served):
    async def scenario(service):
        (bad,) = (await service.upload(("a.jpg", b"no photo"))).json()["uploads"]
        await service.ended(bad["jobId"])
        asked = {"bad": bad["source"], "unknown": "s3://photos/none.jpg"}
        return {
            what: await service.http.get("/thumbnails/by-source/thumbnail", params={"source": source})
            for what, source in asked.items()
        }

    replies = served(scenario)

    assert {reply.status_code for reply in replies.values()} == {404}
    assert {reply.headers["cache-control"] for reply in replies.values()} == {"no-store"}
    said = {what: reply.json() for what, reply in replies.items()}
    assert {what: (one["code"], one["state"], one["jobCode"]) for what, one in said.items()} == {
        "bad": ("unknown_thumbnail", "failed", "not_an_image"),
        "unknown": ("unknown_thumbnail", None, None),
    }


def test_a_spec_that_a_photo_has_no_thumbnail_of_is_told(served, photo):
    async def scenario(service):
        one = await uploaded(service, photo)
        return await service.http.get("/thumbnails/by-source/huge", params={"source": one["source"]})

    reply = served(scenario)

    assert (reply.status_code, reply.json()["state"], "'huge'" in reply.json()["reason"]) == (404, "succeeded", True)


def test_a_source_that_may_not_be_read_has_no_thumbnail(served):
    async def scenario(service):
        return await service.http.get("/thumbnails/by-source/thumbnail", params={"source": "file:///etc/passwd"})

    reply = served(scenario)

    assert (reply.status_code, reply.json()["code"]) == (403, "source_not_allowed")


@pytest.fixture
def in_bucket(s3_endpoint, s3_bucket):
    """Settings with a bucket as the store."""
    return {"store": f"s3://{s3_bucket}", "s3_endpoint_url": s3_endpoint}


@pytest.mark.parametrize(
    ("given", "caching"),
    [
        ({}, "private, max-age=60"),
        ({"link_seconds": 20}, "private, max-age=10"),
        ({"redirect_seconds": 5}, "private, max-age=5"),
        ({"redirect_seconds": 0}, "no-store"),
        ({"thumbnails_base_url": "https://cdn.example.com"}, "public, max-age=60"),
        ({"thumbnails_base_url": "https://cdn.example.com", "redirect_seconds": 86400}, "public, max-age=86400"),
    ],
)
def test_a_redirect_is_kept_as_the_settings_say_and_never_as_long_as_a_presigned_link(
    served, photo, in_bucket, given, caching
):
    async def scenario(service):
        one = await uploaded(service, photo)
        return await service.http.get("/thumbnails/by-source/thumbnail", params={"source": one["source"]})

    reply = served(scenario, **in_bucket, **given)

    assert (reply.status_code, reply.headers["cache-control"]) == (302, caching)
    opened = reply.headers["location"]
    assert ("X-Amz-Signature=" in opened) == ("thumbnails_base_url" not in given)
    if "thumbnails_base_url" not in given:
        assert httpx2.get(opened).headers["cache-control"] == "public, max-age=31536000, immutable"


def test_a_thumbnail_is_served_for_browsers_and_caches(served, photo):
    async def scenario(service):
        one = await uploaded(service, photo)
        (shown,) = (await service.http.get(f"/api/photos/{one['photoId']}")).json()["renditions"]
        whole = await service.http.get(shown["url"])
        tag = {"If-None-Match": whole.headers["etag"]}
        return whole, [
            await service.http.head(shown["url"]),
            await service.http.get(shown["url"], headers=tag),
            await service.http.get(shown["url"], headers={"Range": "bytes=0-9"}),
        ]

    whole, others = served(scenario)

    head, unchanged, part = others
    assert {name: whole.headers[name] for name in (
        "cache-control", "content-type", "x-content-type-options", "cross-origin-resource-policy", "accept-ranges"
    )} == {
        "cache-control": "public, max-age=31536000, immutable", "content-type": "image/jpeg",
        "x-content-type-options": "nosniff", "cross-origin-resource-policy": "cross-origin", "accept-ranges": "bytes",
    }  # fmt: skip
    assert whole.headers["last-modified"].endswith("GMT")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(whole.content)))
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert (part.status_code, part.content) == (206, whole.content[:10])


PATHS_WITH_LINKS = (
    "/api/photos/{photoId}", "/api/photos?source={source}", "/api/photos?folderId=album",
    "/thumbnails/by-source/thumbnail?source={source}",
)  # fmt: skip


def test_a_link_that_is_slow_to_presign_does_not_stop_the_event_loop(served, photo):
    threads = []

    def slow_link(rendition):
        threads.append(threading.current_thread())
        return "https://bucket.example.com/x"

    async def scenario(service):
        one = await uploaded(service, photo, folder_id="album")
        for path in PATHS_WITH_LINKS:
            threads.clear()
            reply = await service.http.get(path.format(**one))
            assert reply.status_code in {200, 302}
            assert threads, path
            assert threading.main_thread() not in threads, path

    served(scenario, others={"link": slow_link})
