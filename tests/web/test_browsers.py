"""Requests that pages of other web sites may not make through the browser of a person who can reach the service."""

import json
from socket import gethostname

import pytest

JSON = {"Content-Type": "application/json"}
SUBMISSION = json.dumps({"sources": ["s3://photos/a.jpg"]}).encode()
EVENT = json.dumps({"Event": "s3:TestEvent"}).encode()
EVENTS = "/api/notifications/s3"


def answered(served, method, path, *, headers, content=b"", **given):
    """Send a request; return the answer's status and code, and how many jobs there are afterwards."""

    async def scenario(service):
        reply = await service.http.request(method, path, headers=headers, content=content)
        jobs = (await service.http.get("/api/jobs")).json()["jobs"]
        return reply, len(jobs)

    reply, jobs = served(scenario, **given)
    return reply.status_code, reply.json().get("code"), jobs


def answered_to(served, hosts, *paths, **given):
    """Return the hosts, each with the statuses of its answers."""

    async def scenario(service):
        return {
            host: {
                (await service.http.get(path, headers={"Host": host.encode("latin-1")})).status_code for path in paths
            }
            for host in hosts
        }

    return served(scenario, **given)


def test_a_foreign_host_is_refused(served):
    hosts = (
        "evil.example", "evil.example:8000", "localhost.evil.example", "0x7f.1", "127.0.0.1.evil.example", "x" * 9999,
        "\xff", "a@localhost", "[::1].evil.example", "*", "", "svc.photos",
        "local.evil.example", ".local", "nas.local.evil",
    )  # fmt: skip

    answers = answered_to(served, hosts, "/healthz", "/api/jobs", "/thumbnails/a.jpg", "/openapi.json")

    assert answers == {host: {421} for host in hosts}


def test_the_services_own_names_and_every_address_are_answered(served):
    hosts = (
        "127.0.0.1:8000", "127.0.0.1", "[::1]:8000", "[::1]", "localhost", "LOCALHOST:8000", "localhost.",
        "10.1.2.3:8000", gethostname(), "raythumbs-serve-svc:8000", "raythumbs.photos.svc", "nas.local",
        "thumbs.example.com", "other.example.com", "a.b.wild.example.com:8443",
    )  # fmt: skip
    allowed = ("other.example.com", "*.wild.example.com")

    answers = answered_to(
        served, hosts, "/healthz", public_base_url="https://thumbs.example.com", allowed_hosts=allowed
    )

    assert answers == {host: {200} for host in hosts}


def test_every_host_is_answered_if_the_setting_allows_all(served):
    assert answered(served, "GET", "/healthz", headers={"Host": "any.example"}, allowed_hosts=("*",))[0] == 200


FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:3000"},
    {"Origin": "http://127.0.0.1"},
    {"Origin": "http://127.0.0.1:8000.evil.example"},
    {"Origin": "ftp://127.0.0.1:8000"},
    {"Origin": "\xff"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


def test_a_foreign_page_changes_nothing(served):
    asked = {
        "/api/jobs": SUBMISSION,
        EVENTS: EVENT,
        "/api/notifications/b2": EVENT,
        "/api/reconciliation": b"",
        "/api/jobs/x/retry": b"",
        "/api/jobs/x/cancel": b"",
        "/api/uploads/direct": b"--x--\r\n",
    }

    async def scenario(service):
        return [
            await service.http.post(
                path, content=body, headers=JSON | {name: value.encode("latin-1") for name, value in headers.items()}
            )
            for path, body in asked.items()
            for headers in FOREIGN
        ]

    assert {(reply.status_code, reply.json()["code"]) for reply in served(scenario)} == {(403, "foreign_origin")}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://thumbs.example.com"},
        {"Origin": "https://thumbs.example.com", "Host": "thumbs.example.com:443"},
        {"Origin": "https://app.example.com", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_the_services_own_pages_programs_and_allowed_origins_may_change_things(served, headers):
    given = {"public_base_url": "https://thumbs.example.com:443", "allowed_origins": ("https://app.example.com",)}

    assert answered(served, "POST", "/api/jobs", headers=JSON | headers, content=SUBMISSION, **given) == (202, None, 1)


def test_only_pages_of_allowed_origins_may_read_answers(served):
    async def scenario(service):
        origins = ("https://app.example.com", "https://evil.example")
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
        return [
            (await service.http.request(method, "/api/jobs", headers={"Origin": origin} | asked)).headers.get(
                "access-control-allow-origin"
            )
            for origin in origins
            for method in ("GET", "OPTIONS")
        ]

    allowed = served(scenario, allowed_origins=("https://app.example.com",))

    assert allowed == ["https://app.example.com", "https://app.example.com", None, None]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
@pytest.mark.parametrize(("path", "body"), [("/api/jobs", SUBMISSION), (EVENTS, EVENT)])
def test_a_content_type_that_forms_can_send_is_not_read_as_json(served, kind, path, body):
    headers = {"Content-Type": kind, "Origin": "http://127.0.0.1:8000"}

    assert answered(served, "POST", path, headers=headers, content=body) == (415, "not_json", 0)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "application/json"},
        {"Content-Type": "text/plain; charset=UTF-8"},  # Amazon SNS
        {"Content-Type": "application/x-www-form-urlencoded"},  # curl, if nothing else is said
        {"Content-Type": "application/octet-stream"},
        {"Content-Type": "binary/octet-stream"},
        {"Content-Type": "application/cloudevents+json"},
    ],
)
def test_senders_of_events_may_send_json_as_any_content_type(served, headers):
    assert answered(served, "POST", EVENTS, headers=headers, content=EVENT)[0] == 200


def test_a_submission_without_a_content_type_is_json(served):
    assert answered(served, "POST", "/api/jobs", headers={}, content=SUBMISSION) == (202, None, 1)


def test_a_verb_without_a_body_may_have_any_content_type(served):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}  # curl -d ''

    assert answered(served, "POST", "/api/reconciliation", headers=headers)[0] == 202
