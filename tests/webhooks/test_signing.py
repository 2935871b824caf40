"""Signatures are those of Standard Webhooks."""

import json
from base64 import b64encode

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from raythumbs.webhooks.signing import signed_headers

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + b64encode(b"another secret of 24 bytes!!").decode()


def test_the_signature_is_that_of_the_standards_own_example():
    headers = signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", '{"test": 2432232314}', secrets=[SECRET], now=1614265330.9)

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize("secret", [SECRET, OTHER])
def test_while_secrets_rotate_a_reader_with_either_verifies(secret):
    import time

    body = json.dumps({"type": "photo.succeeded", "data": {"source": "s3://photos/été.jpg"}}, ensure_ascii=False)

    headers = signed_headers("msg_1", body, secrets=[SECRET, OTHER], now=time.time())

    assert Webhook(secret).verify(body, headers) == json.loads(body)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body.replace("photos", "phot0s"), headers)
