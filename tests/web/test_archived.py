"""A photo in an archive: it fails with the store's words, and has its thumbnails after its restoration."""

import json

from tests.storage.http_server import refusing
from tests.storage.http_server import served as answering

RESTORED = {
    "eventName": "ObjectRestore:Completed",
    "s3": {"bucket": {"name": "photos"}, "object": {"key": "a.jpg", "eTag": "e", "sequencer": "1"}},
}


def test_a_photo_in_an_archive_fails_at_once_and_is_rendered_when_it_is_restored(served, photo, aws_credentials):
    archived = refusing(403, "InvalidObjectState", "The operation is not valid for the object's storage class")
    is_restored = []

    def answer(request):
        if not is_restored:
            archived(request)
            return
        request.send_response(200)
        request.send_header("Content-Length", str(len(photo)))
        request.send_header("ETag", '"e"')
        request.end_headers()
        request.wfile.write(photo)

    async def scenario(service):
        reply = await service.http.post("/api/jobs", json={"sources": ["s3://photos/a.jpg"]})
        before = await service.ended(reply.json()["jobs"][0]["jobId"])
        is_restored.append(True)
        await service.http.post("/api/notifications/s3", content=json.dumps({"Records": [RESTORED]}).encode())
        [newest, *_] = (await service.http.get("/api/jobs")).json()["jobs"]
        return before, await service.ended(newest["jobId"])

    with answering(answer) as endpoint:
        before, after = served(scenario, s3_endpoint_url=endpoint, aws_region="us-east-1")

    assert (before["state"], before["code"], before["attempt"]) == ("failed", "archived", 1)
    assert "not valid for the object's storage class" in before["reason"]
    assert (after["state"], after["jobId"] != before["jobId"]) == ("succeeded", True)
