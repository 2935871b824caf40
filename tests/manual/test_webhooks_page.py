"""The page about webhooks shows what is sent, and an example that verifies it."""

import json
import re
import time

from raythumbs.manual import read_page
from raythumbs.webhooks.signing import signed_headers

PAGE = read_page("webhooks")
[EXAMPLE] = re.findall(r"(?s)```python\n(.*?)```", PAGE)
SECRET = re.findall(r'"(whsec_[^"]+)"', EXAMPLE)[0]
BODIES = re.findall(r'(?m)^\{"type".*$', PAGE)


def test_the_example_takes_a_signed_message_and_no_altered_one(capsys):
    names: dict = {}
    exec(EXAMPLE, names)  # the page's own
    body = BODIES[0]
    headers = signed_headers("msg_1", body, secrets=[SECRET], now=time.time())

    taken = names["receive"](body.encode(), headers)
    refused = names["receive"](body.replace("cat", "dog").encode(), headers)

    assert (taken, refused) == (204, 401)
    assert "photo.succeeded" in capsys.readouterr().out


def test_the_bodies_of_the_page_have_the_fields_that_are_sent():
    of_photo = {"photoId", "photoUrl", "jobId", "source", "folderId"}

    fields = {body["type"]: set(body["data"]) for body in map(json.loads, BODIES)}

    assert fields == {
        "photo.succeeded": of_photo,
        "photo.failed": of_photo | {"code", "reason"},
        "folder.done": {"folderId"},
    }
