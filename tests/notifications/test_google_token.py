"""Google's tokens of pushes: whose they must be, and what is refused."""

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raythumbs.errors import Unauthorised
from raythumbs.notifications import google_token
from raythumbs.notifications.google_token import Subscription
from tests.notifications.signers import ACCOUNT, AUDIENCE, CLAIMS, NOW, a_key_set, a_token

KEYS = google_token.keys_of(a_key_set({"key-1": "sender"}))
SUBSCRIPTION = Subscription(audience=AUDIENCE, service_account=ACCOUNT)


def check(token, *, now=NOW):
    google_token.verify(token, KEYS[google_token.key_id(token)], SUBSCRIPTION, now=now)


def test_a_token_of_the_subscription_is_accepted():
    check(google_token.token_of(f"Bearer {a_token()}"))
    check(a_token(iss="accounts.google.com"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://accounts.google.com.evil.example"},
        {"iss": None},
        {"aud": "https://other.example.com"},
        {"aud": None},
        {"email": "attacker@evil.iam.gserviceaccount.com"},
        {"email": None},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": None},
        {"exp": None},
        {"exp": "never"},
        {"iat": None},
        {"exp": NOW - 61},
        {"iat": NOW + 61},
    ],
)
def test_a_token_of_something_else_is_refused(wrong):
    with pytest.raises(Unauthorised):
        check(a_token(**wrong))


def test_a_token_is_accepted_until_it_expires():
    check(a_token(), now=NOW + 3540)
    with pytest.raises(Unauthorised):
        check(a_token(), now=NOW + 3540 + 61)


def test_a_token_of_another_key_is_refused():
    with pytest.raises(Unauthorised):
        check(a_token("another"))


def test_a_token_that_is_not_signed_by_rsa_is_refused():
    unsigned = jwt.encode(CLAIMS, None, "none", headers={"kid": "key-1"})
    by_hmac = jwt.encode(CLAIMS, "x" * 32, "HS256", headers={"kid": "key-1"})

    for token in (unsigned, by_hmac):
        with pytest.raises(Unauthorised):
            check(token)


@given(data=st.data())
def test_one_altered_letter_is_refused(data):
    token = a_token()
    at = data.draw(st.integers(0, len(token) - 2))  # the last letter of base64 may have bits that mean nothing
    letter = data.draw(st.sampled_from("AQgw_"))
    altered = token[:at] + letter + token[at + 1 :]

    if altered != token:
        with pytest.raises((Unauthorised, KeyError)):
            check(altered)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic x", "Bearer " + "x" * 9000])
def test_a_header_without_a_token_is_refused(header):
    with pytest.raises(Unauthorised):
        google_token.token_of(header)


@pytest.mark.parametrize("token", ["", "x", "x.y.z", "ü.ü.ü", "e30.e30.", "W10.e30.x", jwt.encode({}, "x" * 32)])
def test_a_token_that_names_no_key_is_refused(token):
    with pytest.raises(Unauthorised):
        google_token.key_id(token)


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[]", b"5", b"{}", b'{"keys": []}', b'{"keys": [5]}'])
def test_a_body_that_is_no_key_set_is_a_value_error(body):
    with pytest.raises(ValueError, match=r"."):
        google_token.keys_of(body)
