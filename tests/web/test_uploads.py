import asyncio
from base64 import b64decode
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image

from raythumbs.errors import Overloaded, QueueUnavailable
from raythumbs.model.photo import CACHE_CONTROL, Format, RenditionSpec
from raythumbs.web.upload_room import UploadRoom

PLAIN = "multipart/form-data; boundary=x"
UPLOAD = {
    "type": "http", "method": "POST", "path": "/api/uploads/direct", "raw_path": b"", "query_string": b"",
    "headers": [(b"content-type", PLAIN.encode())], "http_version": "1.1", "scheme": "http",
    "client": ("here", 1), "server": ("here", 2), "root_path": "",
}  # fmt: skip


def form(*parts: str, end: str = "--x--\r\n") -> bytes:
    return ("".join(f"--x\r\n{part}\r\n" for part in parts) + end).encode()


def a_file(content: str = "photo", name: str = "a.jpg") -> str:
    return f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n{content}'


def a_field(name: str, value: str) -> str:
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'


def posted(body, *, content_type: str = PLAIN):
    return lambda service: service.http.post(
        "/api/uploads/direct", content=body, headers={"Content-Type": content_type}
    )


def refused(served, body, *, content_type: str = PLAIN, **given):
    """Send a body that must be refused; return the status and the code."""

    async def scenario(service):
        reply = await posted(body, content_type=content_type)(service)
        return reply, service.originals

    reply, kept = served(scenario, **given)
    answer = reply.json()
    assert set(answer) == {"code", "reason"}
    assert answer["reason"]
    assert kept == []
    return reply.status_code, answer["code"]


def test_an_uploaded_photo_is_kept_recorded_and_rendered(served, photo):
    async def scenario(service):
        reply = await service.upload(("a cat.jpg", photo), folder_id="holiday")
        (uploaded,) = reply.json()["uploads"]
        job = await service.ended(uploaded["jobId"])
        about = (await service.http.get(f"/api/photos/{uploaded['photoId']}")).json()
        thumbnail = await service.http.get(about["renditions"][0]["url"])
        head = await service.http.head(about["renditions"][0]["url"])
        assert head.headers["content-length"] == str(len(thumbnail.content))
        return reply, uploaded, job, about, thumbnail, service.originals

    reply, uploaded, job, about, thumbnail, originals = served(scenario)

    assert reply.status_code == 202
    assert uploaded["state"] == "queued"
    assert uploaded["statusUrl"].endswith(f"/api/jobs/{uploaded['jobId']}")
    assert (job["state"], job["priority"], job["folderId"]) == ("succeeded", "HIGH", "holiday")
    assert (about["fileName"], about["sizeBytes"], about["format"]) == ("a cat.jpg", len(photo), "jpeg")
    assert thumbnail.headers["content-type"] == "image/jpeg"
    assert "immutable" in thumbnail.headers["cache-control"]
    assert [path.read_bytes() for path in originals] == [photo]
    assert "cat" not in str(originals[0])


def test_a_thumbnail_is_sent_as_what_its_spec_says_whatever_the_machine_knows_of_file_names(served, photo, monkeypatch):
    monkeypatch.setattr("starlette.responses.guess_type", lambda _path: (None, None))

    async def scenario(service):
        (uploaded,) = (await service.upload(("a.jpg", photo))).json()["uploads"]
        await service.ended(uploaded["jobId"])
        about = (await service.http.get(f"/api/photos/{uploaded['photoId']}")).json()
        replies = {}
        for one in about["renditions"]:
            first = await service.http.get(one["url"])
            again = await service.http.get(one["url"], headers={"If-None-Match": first.headers["etag"]})
            replies[one["name"]] = first, again
        return replies

    replies = served(scenario, specs=[RenditionSpec(name=kind, width=50, height=50, format=kind) for kind in Format])

    assert replies.keys() == set(Format)
    for kind, (first, again) in replies.items():
        assert (first.status_code, first.headers["content-type"]) == (200, f"image/{kind}")
        assert (again.status_code, again.headers["cache-control"]) == (304, CACHE_CONTROL)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", None),
        ("; filename*=UTF-8''na%C3%AFve.jpg", "naïve.jpg"),
        ('; filename="=?utf-8?B?bmHDr3ZlLmpwZw==?="', "naïve.jpg"),
    ],
)
def test_a_file_may_have_no_name_or_one_in_another_form(served, name, told):
    body = form(f'Content-Disposition: form-data; name="file"{name}\r\n\r\nphoto')

    reply = served(posted(body))

    assert (reply.status_code, reply.json()["uploads"][0]["fileName"]) == (202, told)


@pytest.mark.parametrize("path", ["/api/uploads/direct", "/api/jobs", "/api/notifications/s3"])
@pytest.mark.parametrize("encoding", ["gzip", "identity, br", "zstd"])
def test_a_compressed_body_is_refused_in_words(served, path, encoding):
    async def scenario(service):
        kind = PLAIN if path == "/api/uploads/direct" else "application/json"
        return await service.http.post(path, content=b"x", headers={"Content-Type": kind, "Content-Encoding": encoding})

    reply = served(scenario)

    assert (reply.status_code, reply.json()["code"]) == (415, "encoded_body")
    assert encoding.rpartition(" ")[2] in reply.json()["reason"]


def test_a_body_that_is_as_it_is_may_say_so(served):
    async def scenario(service):
        headers = {"Content-Type": PLAIN, "Content-Encoding": "identity"}
        return await service.http.post("/api/uploads/direct", content=form(a_file()), headers=headers)

    assert served(scenario).status_code == 202


def test_a_photo_has_a_placeholder_and_notes_about_its_faults(served, photo):
    def with_broken_profile():
        with Image.open(BytesIO(photo)) as picture:
            file = BytesIO()
            picture.save(file, "JPEG", icc_profile=b"no profile")
        return file.getvalue()

    async def scenario(service):
        uploads = (await service.upload(("a.jpg", photo), ("b.jpg", with_broken_profile()))).json()["uploads"]
        before = (await service.http.get(f"/api/photos/{uploads[0]['photoId']}")).json()
        for uploaded in uploads:
            await service.ended(uploaded["jobId"])
        return before, [(await service.http.get(f"/api/photos/{one['photoId']}")).json() for one in uploads]

    before, (sound, broken) = served(scenario)

    assert (before["thumbHash"], before["notes"]) == (None, [])
    assert sound["notes"] == []
    assert len(b64decode(sound["thumbHash"], validate=True)) > 15
    assert ["profile ignored" in note for note in broken["notes"]] == [True]


def test_several_photos_get_normal_priority_and_are_answered_in_order(served, photo):
    async def scenario(service):
        uploads = (await service.upload(*((f"{n}.jpg", photo) for n in range(5)))).json()["uploads"]
        return [(one["fileName"], (await service.ended(one["jobId"]))["priority"]) for one in uploads]

    assert served(scenario) == [(f"{n}.jpg", "NORMAL") for n in range(5)]


def test_the_folder_may_come_before_or_after_the_files(served):
    async def scenario(service):
        bodies = [form(a_field("folderId", "f"), a_file()), form(a_file(), a_field("folderId", "f"))]
        replies = [(await posted(body)(service)).json() for body in bodies]
        return [await service.ended(reply["uploads"][0]["jobId"]) for reply in replies]

    assert [job["folderId"] for job in served(scenario)] == ["f", "f"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (form(), "bad_request"),
        (form(a_field("folderId", "holiday")), "bad_request"),
        (form(a_file("")), "empty_file"),
        (form(a_file(), a_file("")), "empty_file"),
        (form(a_file(), a_field("colour", "red")), "bad_request"),
        (form(f"Content-Transfer-Encoding: base64\r\n{a_file('eA==')}"), "bad_request"),
        (b"p" * 20_000 + b"\r\n" + form(a_file()), "bad_request"),
        (form(a_file(), end=""), "bad_request"),
        (form(a_file("half"))[:-20], "bad_request"),
        (b"--y\r\n", "bad_request"),
        (b"no form at all", "bad_request"),
        (b"", "bad_request"),
        (form(a_file(name="n" * 1025)), "bad_request"),
        (form(a_file(), a_field("folderId", "f" * 1025)), "bad_request"),
        (form("Content-Disposition: form-data\r\n\r\nnameless"), "bad_request"),
        (form("X: " + "h" * 20_000 + "\r\n\r\n"), "bad_request"),
        (form(*[a_file()] * 1001), "bad_request"),
    ],
)  # fmt: skip
def test_an_invalid_form_is_refused_and_nothing_of_it_is_kept(served, body, code):
    status, refusal = refused(served, body)

    assert (status in {400, 422}, refusal) == (True, code)


@pytest.mark.parametrize(
    "content_type", ["application/json", "multipart/form-data", "text/plain; boundary=x", "x", PLAIN + "b" * 256]
)
def test_a_body_that_is_no_form_is_refused(served, content_type):
    assert refused(served, form(a_file()), content_type=content_type) == (400, "bad_request")


def test_a_photo_over_its_limit_is_refused_and_nothing_is_kept(served):
    assert refused(served, form(a_file(), a_file("x" * 1001)), max_photo_bytes=1000) == (413, "body_too_large")


def test_a_body_that_announces_too_much_is_refused(served):
    async def scenario(service):
        async def body():
            yield bytes(2001)

        headers = {"Content-Type": PLAIN, "Content-Length": "2001"}
        return await service.http.post("/api/uploads/direct", content=body(), headers=headers)

    reply = served(scenario, max_upload_bytes=2000)

    assert (reply.status_code, reply.json()["code"]) == (413, "body_too_large")


def test_an_endless_body_is_refused_while_it_is_read_and_then_dropped(served):
    read = []
    said = []

    async def scenario(service):
        async def receive():
            piece = bytes(100_000) if read else form(a_file("x"), end="")
            read.append(len(piece))
            return {"type": "http.request", "body": piece, "more_body": True}

        async def send(message):
            said.append((message, sum(read)))

        await service.http._transport.app(UPLOAD, receive, send)
        return service.originals

    kept = served(scenario, max_upload_bytes=1_000_000)

    (start, _), (answer, read_by_then), (end, read_in_all) = said
    assert start["status"] == 413
    assert (b"body_too_large" in answer["body"], answer["more_body"], read_by_then < 1_200_000) == (True, True, True)
    assert (end["body"], end.get("more_body", False), read_in_all < 20_000_000) == (b"", False, True)
    assert kept == []


def test_a_file_that_comes_in_tiny_pieces_takes_little_memory(served, monkeypatch):
    """A piece of one byte takes fifty in memory, and is counted with its overhead."""
    collected = []

    async def scenario(service):
        write = UploadRoom.write

        async def counted(room, work):
            collected.append(len(work.__self__.waiting))
            await write(room, work)

        monkeypatch.setattr(UploadRoom, "write", counted)
        pieces = iter([form(a_file(""), end="")[:-2], *[b"x"] * 40_000, b"\r\n--x--\r\n"])

        async def receive():
            return {
                "type": "http.request",
                "body": (piece := next(pieces)),
                "more_body": not piece.startswith(b"\r\n--"),
            }

        async def send(message):
            assert message.get("status", 202) == 202

        await service.http._transport.app(UPLOAD, receive, send)
        return [path.stat().st_size for path in service.originals]

    assert served(scenario) == [40_000]
    assert max(collected) < 20_000


def test_a_client_that_goes_on_sending_after_a_refusal_is_read_to_the_end(served):
    """Otherwise its connection would be reset, and the answer would be lost."""
    rest = [form(a_file("x" * 2000), end=""), b"x", b"x", b"x"]
    left = []

    async def scenario(service):
        async def receive():
            return {"type": "http.request", "body": rest.pop(0), "more_body": bool(rest)}

        async def send(_message):
            left.append(len(rest))

        await service.http._transport.app(UPLOAD, receive, send)

    served(scenario, max_photo_bytes=1000)

    assert left == [3, 3, 0]


@pytest.mark.parametrize("how", ["disconnected", "cancelled"])
def test_a_client_that_disconnects_leaves_nothing_and_logs_no_error(served, how, caplog):
    async def scenario(service):
        arrived = asyncio.Event()
        body = iter([form(a_file("x" * 3_000_000), a_file("y" * 3_000_000), end="")[:-2_000_000]])

        async def receive():
            if piece := next(body, None):
                return {"type": "http.request", "body": piece, "more_body": True}
            arrived.set()
            if how == "cancelled":
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}

        async def send(_message):
            pass

        request = asyncio.create_task(service.http._transport.app(UPLOAD, receive, send))
        await arrived.wait()
        if how == "cancelled":
            request.cancel()
        await asyncio.gather(request, return_exceptions=True)
        return service.originals, (await service.http.get("/api/jobs")).json()["jobs"]

    assert served(scenario) == ([], [])
    assert "request.stumbled" not in caplog.text


def test_a_store_that_is_full_or_gone_is_503_and_nothing_is_enqueued(served, photo):
    async def scenario(service):
        store = service.settings.data_dir / "store"
        store.parent.mkdir(exist_ok=True)
        store.touch()
        reply = await service.upload(("a.jpg", photo))
        store.unlink()
        return reply, (await service.http.get("/api/jobs")).json()["jobs"]

    reply, jobs = served(scenario)

    assert (reply.status_code, reply.json()["code"]) == (503, "store_unavailable")
    assert reply.headers["retry-after"]
    assert jobs == []


def test_an_upload_to_a_service_that_is_full_is_refused_before_its_body_is_read(served, photo):
    async def scenario(service):
        reply = await service.upload(("a.jpg", photo))
        ready = await service.http.get("/readyz")
        return reply, ready, service.originals

    reply, ready, originals = served(scenario, min_free_disk_bytes=1 << 60)

    assert (reply.status_code, reply.json()["code"]) == (503, "overloaded")
    assert int(reply.headers["Retry-After"]) > 0
    assert (ready.status_code, ready.json()["code"]) == (503, "overloaded")
    assert originals == []


@pytest.mark.parametrize(
    ("refusal", "shards", "kept"),
    [(Overloaded("full by now"), 1, 0), (Overloaded("full by now"), 2, 2), (QueueUnavailable("no answer"), 1, 2)],
)
def test_files_of_a_refused_upload_are_deleted_if_no_queue_can_have_taken_them(served, photo, refusal, shards, kept):
    async def refusing(_requests):
        raise refusal

    async def scenario(service):
        state = service.http._transport.app.state
        state.dependencies = replace(
            state.dependencies, settings=service.settings.model_copy(update={"queue_shards": shards})
        )
        service.queue.enqueue = refusing
        reply = await service.upload(("a.jpg", photo), ("b.jpg", photo))
        return reply, service.originals

    reply, originals = served(scenario)

    assert (reply.status_code, reply.json()["code"]) == (503, refusal.code)
    assert len(originals) == kept
