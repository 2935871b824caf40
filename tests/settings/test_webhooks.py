"""The settings of webhooks refuse what could not work, or would be dangerous."""

import json
from base64 import b64encode

import pytest

from raythumbs.errors import BadSettings
from raythumbs.model.webhook import WebhookEvent
from raythumbs.settings import load_settings

SECRET = "whsec_" + b64encode(b"x" * 24).decode()
OTHER = "whsec_" + b64encode(b"y" * 64).decode()


def loaded(*endpoints: dict, secrets: str | None = SECRET, hosts: tuple[str, ...] = ()):
    return load_settings(webhooks=json.dumps(endpoints), webhook_secrets=secrets, webhook_allowed_hosts=hosts)


def test_an_endpoint_gets_every_event_unless_it_names_some():
    every, one = loaded(
        {"url": "https://app.example.com/a"}, {"url": "https://app.example.com/b", "events": ["folder.done"]}
    ).webhooks

    assert every.events == tuple(WebhookEvent)
    assert one.events == (WebhookEvent.FOLDER_DONE,)


@pytest.mark.parametrize(
    "url",
    ["app.example.com", "ftp://app.example.com/", "https://", "https:///x", "https://user:word@app.example.com/",
     "https://app.example.com:99999/", "https://app.example.com/#x", "https://app.example.com/a b",
     "https://app.example.com\\@127.0.0.1/", "http://app.example.com/"],
)  # fmt: skip
def test_what_is_no_safe_address_is_refused(url):
    with pytest.raises(BadSettings, match="RAYTHUMBS_WEBHOOKS"):
        loaded({"url": url})


def test_an_allowed_host_needs_no_tls():
    assert loaded({"url": "http://App.internal:8000/"}, hosts=("APP.internal",)).webhooks


@pytest.mark.parametrize("endpoint", [{"url": "https://a.example/", "event": ["folder.done"]}, {"events": []}, {},
                                      {"url": "https://a.example/", "events": []},
                                      {"url": "https://a.example/", "events": ["photo.done"]}])  # fmt: skip
def test_a_typing_error_in_an_endpoint_is_noticed(endpoint):
    with pytest.raises(BadSettings, match="RAYTHUMBS_WEBHOOKS"):
        loaded(endpoint)


def test_an_address_is_named_once():
    with pytest.raises(BadSettings, match="same url"):
        loaded({"url": "https://a.example/"}, {"url": "https://a.example/", "events": ["folder.done"]})


@pytest.mark.parametrize("secrets", [None, "", " ", "secret", "whsec_", "whsec_!!!!", "whsec_c2hvcnQ=", f"{SECRET} x"])
def test_webhooks_need_secrets_as_the_standard_has_them(secrets):
    with pytest.raises(BadSettings, match="RAYTHUMBS_WEBHOOK_SECRETS") as refused:
        loaded({"url": "https://a.example/"}, secrets=secrets)

    assert "c2hvcnQ" not in str(refused.value)


def test_while_a_secret_is_replaced_there_are_two():
    assert loaded({"url": "https://a.example/"}, secrets=f"{SECRET} {OTHER}").signing_secrets == (SECRET, OTHER)


def test_the_secrets_are_among_the_secrets():
    settings = loaded({"url": "https://a.example/"})

    assert settings.secrets["webhook_secrets"] == SECRET
    assert settings.without_secrets().signing_secrets == ()
    assert SECRET not in repr(settings)


@pytest.mark.parametrize("url", ["sqs", "https://sqs.eu-west-1.amazonaws.com", "https://x/1/q?a=b",
                                 "arn:aws:sqs:eu:1:q", "https://user:word@x/1/q", "https://x/1/q#f"])  # fmt: skip
def test_what_is_no_url_of_a_queue_is_refused(url):
    with pytest.raises(BadSettings, match="RAYTHUMBS_SQS_QUEUE_URL"):
        load_settings(sqs_queue_url=url)


@pytest.mark.parametrize("url", ["https://sqs.eu-west-1.amazonaws.com/123456789012/photos.fifo",
                                 "http://127.0.0.1:4566/000000000000/photos_1"])  # fmt: skip
def test_the_url_of_a_queue_is_taken_as_it_is(url):
    assert load_settings(sqs_queue_url=url).sqs_queue_url == url
