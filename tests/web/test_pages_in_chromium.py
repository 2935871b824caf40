"""A real page of another origin, in Chromium, uploads a photo and shows its thumbnail: with the manual's own script."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from threading import Thread
from urllib.parse import quote

import boto3
import pytest
from PIL import Image

from raythumbs.cluster.free_port import free_port
from raythumbs.manual import FOLDER
from raythumbs.model.access import Scope
from tests.web.bucket_events import event_of
from tests.web.listening import listening_app
from tests.web.test_keys import KEYS, SETTING, bearer

pytestmark = pytest.mark.needs("chromium")

PAGE = "<!doctype html><meta charset=utf-8><title>App</title><script>{script}</script>"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def site(folder) -> Iterator[str]:
    """Serve a folder as a site of its own: another port is another origin."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def photo() -> bytes:
    """A photo of few bytes: each of them is a number on its way to the page."""
    file = BytesIO()
    Image.linear_gradient("L").resize((640, 480)).save(file, "JPEG")
    return file.getvalue()


def script_of_the_manual() -> str:
    (script,) = re.findall(r"(?ms)^```js\n(.*?)^```$", (FOLDER / "integrate.md").read_text())
    return script


@pytest.fixture
def app_page(tmp_path) -> Iterator[str]:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text(PAGE.format(script=script_of_the_manual()))
    with site(tmp_path / "site") as address:
        yield address


@pytest.fixture
def at_port(served, chromium):
    """Run a scenario with a page that is open, against a service that listens on a port."""

    def run(scenario, page_address, **given):
        port = free_port()
        base = f"http://127.0.0.1:{port}"

        async def within(service):
            async with (
                asyncio.timeout(120),
                listening_app(service.http._transport.app, port=port),
                chromium.new_page() as page,
            ):
                await page.goto(page_address)
                return await scenario(service, page, base)

        return served(within, **{"public_base_url": base, "allowed_origins": (page_address,)} | given)

    return run


FILE = "new File([new Uint8Array(data)], 'a.jpg', {type: 'image/jpeg'})"
UPLOAD = f"async ([base, data]) => {{ const f = {FILE}; await upload(await uploadForm(base, f, 'album'), f) }}"
POST_FORM = f"([form, data]) => upload(form, {FILE})"
READY = "(stream) => ready(stream)"
STREAM = "/api/folders/album/events?photos=1"
SHOW = """(url) => new Promise((shown) => {
    const image = new Image();
    image.onload = () => shown(image.naturalWidth);
    image.onerror = () => shown(0);
    image.src = url;
})"""


def test_a_page_uploads_a_photo_waits_for_its_album_and_shows_the_thumbnail(at_port, app_page, photo):
    async def scenario(service, page, base):
        await page.evaluate(UPLOAD, [base, list(photo)])
        folder = await page.evaluate(READY, base + STREAM)
        (found,) = (await service.http.get("/api/photos", params={"folderId": "album"})).json()["photos"]
        by_source = f"{base}/thumbnails/by-source/thumbnail?source={found['source']}"
        return folder, await page.evaluate(SHOW, by_source)

    folder, width = at_port(scenario, app_page)

    assert (folder["total"], folder["succeeded"], width) == (1, 1, 300)


def test_the_same_page_works_with_keys_that_only_the_apps_server_has(at_port, app_page, photo):
    async def scenario(service, page, base):
        admin = bearer(KEYS[Scope.ADMIN])
        asked = {"contentType": "image/jpeg", "folderId": "album"}
        form = (await service.http.post("/api/uploads/presigned", json=asked, headers=admin)).json()
        await page.evaluate(POST_FORM, [form, list(photo)])
        source = (await service.http.get("/api/photos?folderId=album", headers=admin)).json()["photos"][0]["source"]
        addresses = [STREAM, f"/thumbnails/by-source/thumbnail?source={quote(source, safe='')}"]
        reply = await service.http.post("/api/links", json={"addresses": addresses}, headers=admin)
        stream, thumbnail = (link["url"] for link in reply.json()["links"])
        return await page.evaluate(READY, stream), await page.evaluate(SHOW, thumbnail)

    folder, width = at_port(scenario, app_page, api_keys=SETTING)

    assert (folder["succeeded"], width) == (1, 300)


def test_the_same_page_uploads_straight_to_a_bucket(at_port, app_page, photo, s3_endpoint, s3_bucket):
    s3 = boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1")
    rule = {"AllowedOrigins": [app_page], "AllowedMethods": ["POST"], "AllowedHeaders": ["*"]}
    s3.put_bucket_cors(Bucket=s3_bucket, CORSConfiguration={"CORSRules": [rule]})

    async def scenario(service, page, base):
        await page.evaluate(UPLOAD, [base, list(photo)])
        (stored,) = s3.list_objects_v2(Bucket=s3_bucket)["Contents"]
        event = event_of(stored["Key"], bucket=s3_bucket, name="ObjectCreated:Post")
        await service.http.post("/api/notifications/s3", content=event)
        folder = await page.evaluate(READY, base + STREAM)
        source = f"s3://{s3_bucket}/{stored['Key']}".replace("%", "%25")
        by_source = f"{base}/thumbnails/by-source/thumbnail?source={source}"
        return stored, folder, await page.evaluate(SHOW, by_source)

    stored, folder, width = at_port(scenario, app_page, store=f"s3://{s3_bucket}", s3_endpoint_url=s3_endpoint)
    s3.close()

    assert (stored["Size"], folder["succeeded"], width) == (len(photo), 1, 300)


ASK = """async ([url, method, headers]) => {
    try {
        const reply = await fetch(url, {method, headers});
        return [reply.status, method == 'HEAD' ? null : await reply.json(), reply.headers.get('retry-after')];
    } catch (error) {
        return String(error);
    }
}"""

SEND = """async (url) => {
    const form = new FormData();
    form.append('file', new File(['x'], 'a.jpg'));
    try {
        const reply = await fetch(url, {method: 'POST', body: form});
        return [reply.status, (await reply.json()).code, reply.headers.get('retry-after')];
    } catch (error) {
        return String(error);
    }
}"""


ASKED = [
    (("GET", "/api/jobs/none", {"Authorization": "Bearer x"}), 404, "unknown_job"),
    (("DELETE", "/api/jobs", {"Authorization": "Bearer x"}), 405, "method_not_allowed"),
    (("HEAD", "/healthz", {"Authorization": "Bearer x"}), 200, None),
    (("POST", "/api/jobs", {"Content-Type": "application/json"}), 422, "bad_request"),
    (("POST", "/api/uploads/presigned", {"Content-Type": "application/json"}), 422, "bad_request"),
    (("POST", "/api/jobs", {"Content-Type": "text/plain"}), 422, "bad_request"),
]


def test_a_page_sees_the_answer_whatever_it_asks(at_port, app_page):
    async def scenario(_service, page, base):
        return [await page.evaluate(ASK, [base + path, method, headers]) for (method, path, headers), *_ in ASKED]

    for (asked, status, code), answer in zip(ASKED, at_port(scenario, app_page), strict=True):
        seen, body, _ = answer
        assert (seen, body and body["code"]) == (status, code), asked


def test_a_page_of_an_origin_that_is_not_allowed_sees_nothing_and_changes_nothing(at_port, app_page):
    async def scenario(service, page, base):
        read = await page.evaluate(ASK, [base + "/api/jobs", "GET", {}])
        sent = await page.evaluate(SEND, f"{base}/api/uploads/direct")  # a form needs no preflight
        return read, sent, (await service.http.get("/api/jobs")).json()["jobs"]

    read, sent, jobs = at_port(scenario, app_page, allowed_origins=("https://other.example.com",))

    assert (read, sent, jobs) == (*["TypeError: Failed to fetch"] * 2, [])


def test_a_page_shows_a_thumbnail_without_being_allowed_to_read_it(at_port, app_page, photo):
    async def scenario(service, page, base):
        (one,) = (await service.upload(("a.jpg", photo))).json()["uploads"]
        await service.ended(one["jobId"])
        (shown,) = (await service.http.get(f"/api/photos/{one['photoId']}")).json()["renditions"]
        reading = "(url) => fetch(url).then(() => 'read', (error) => String(error))"
        return await page.evaluate(SHOW, shown["url"]), await page.evaluate(reading, shown["url"])

    width, read = at_port(scenario, app_page, allowed_origins=())

    assert (width, read) == (300, "TypeError: Failed to fetch")


def test_a_refusal_over_a_limit_can_be_read_with_when_to_come_back(at_port, app_page):
    async def scenario(_service, page, base):
        return await page.evaluate(SEND, f"{base}/api/uploads/direct")

    assert at_port(scenario, app_page, min_free_memory_bytes=1 << 60) == [503, "overloaded", "5"]


def test_the_manuals_script_is_short():
    assert len(script_of_the_manual().strip().splitlines()) <= 29
