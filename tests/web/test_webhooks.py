"""How webhooks are delivered can be seen, and they can be tried again."""

import json
from base64 import b64encode

URL = "http://127.0.0.1:9/hook"  # nobody listens there
WITH_WEBHOOKS = {
    "webhooks": json.dumps([{"url": URL}]),
    "webhook_secrets": "whsec_" + b64encode(b"x" * 24).decode(),
    "webhook_allowed_hosts": ("127.0.0.1",),
}


def test_without_webhooks_there_are_no_endpoints(served):
    async def scenario(service):
        return await service.http.get("/api/webhooks")

    assert served(scenario).json() == {"endpoints": []}


def test_a_message_that_cannot_be_delivered_is_seen_with_the_reason_and_can_be_tried_again(served, photo):
    async def scenario(service):
        (job,) = (await service.upload(("a.jpg", photo))).json()["uploads"]
        await service.ended(job["jobId"])
        while True:
            (before,) = (await service.http.get("/api/webhooks")).json()["endpoints"]
            if before["error"]:
                break
        retried = await service.http.post("/api/webhooks/retry")
        return before, retried

    before, retried = served(scenario, **WITH_WEBHOOKS)

    assert (before["url"], before["waiting"], before["givenUp"]) == (URL, 1, 0)
    assert "ConnectError" in before["error"]
    assert (before["disabledAt"], before["deliveredAt"]) == (None, None)
    assert retried.status_code == 200
    assert retried.json()["endpoints"][0]["id"] == before["id"]
