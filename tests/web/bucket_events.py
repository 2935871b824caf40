"""What a bucket sends when an object was uploaded."""

import json
from urllib.parse import quote_plus


def event_of(key: str, *, bucket: str = "photos", sequencer: str = "1", name: str = "ObjectCreated:Put") -> bytes:
    told = {"bucket": {"name": bucket}, "object": {"key": quote_plus(key), "size": 9, "sequencer": sequencer}}
    return json.dumps({"Records": [{"eventName": name, "eventTime": "t", "s3": told}]}).encode()
