"""Signatures of Standard Webhooks, against the vector of the specification and its own Python package."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from raythumbs.errors import Unauthorised
from raythumbs.notifications.standard_webhooks import verify

# The specification's own test vector.
SECRET = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SENT_AT = 1614265330
BODY = b'{"test": 2432232314}'
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(SENT_AT),
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


@pytest.mark.parametrize("secret", [SECRET, f"whsec_{SECRET}"])
def test_the_vector_of_the_specification_is_accepted(secret):
    verify(BODY, HEADERS, secret=secret, now=SENT_AT)


def test_one_of_several_signatures_is_enough():
    several = "v1,AAAA v1a,BBBB " + HEADERS["webhook-signature"]

    verify(BODY, HEADERS | {"webhook-signature": several}, secret=SECRET, now=SENT_AT)


@given(body=st.text(st.characters(codec="utf-8")))
def test_what_the_packages_own_signer_signs_is_accepted(body):
    at = datetime.fromtimestamp(SENT_AT, UTC)
    headers = HEADERS | {"webhook-signature": Webhook(SECRET).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, body)}

    verify(body.encode(), headers, secret=SECRET, now=SENT_AT)


@given(at=st.integers(0, len(BODY) - 1), bit=st.integers(0, 7))
def test_a_body_with_one_changed_bit_is_refused(at, bit):
    changed = bytearray(BODY)
    changed[at] ^= 1 << bit

    with pytest.raises(Unauthorised):
        verify(bytes(changed), HEADERS, secret=SECRET, now=SENT_AT)


@pytest.mark.parametrize(
    "wrong",
    [
        {"webhook-id": ""},
        {"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJeK"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": str(SENT_AT + 1)},
        {"webhook-timestamp": f"{SENT_AT}.0"},
        {"webhook-timestamp": "9" * 5000},
        {"webhook-timestamp": "١٦١٤٢٦٥٣٣٠"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": HEADERS["webhook-signature"][:-1]},
        {"webhook-signature": HEADERS["webhook-signature"].replace("v1,", "v2,")},
        {"webhook-signature": HEADERS["webhook-signature"].removeprefix("v1,")},
        {"webhook-signature": "v1,\ud800"},
    ],
)
def test_a_wrong_header_is_refused(wrong):
    with pytest.raises(Unauthorised):
        verify(BODY, HEADERS | wrong, secret=SECRET, now=SENT_AT)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_signature_of_another_time_is_refused(seconds):
    with pytest.raises(Unauthorised):
        verify(BODY, HEADERS, secret=SECRET, now=SENT_AT + seconds)
