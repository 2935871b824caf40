"""Sessions: a person signs in to the page with a key, and a cookie of the service's own pages counts as that key."""

import pytest
from starlette.datastructures import Headers

from raythumbs.model.access import Scope
from raythumbs.settings import load_settings
from raythumbs.web.keys import sessions_of
from raythumbs.web.sessions import COOKIE, SESSION_SECONDS
from tests.web.conftest import HERE
from tests.web.test_keys import KEYS, SETTING, UNKNOWN, bearer

OWN = {"Origin": HERE}
ALLOWED = "http://127.0.0.1:3000"


class Clock:
    def __init__(self) -> None:
        self.at = 1_800_000_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def signed_in(served):
    """Run a scenario with the cookie of somebody who has signed in with the key of a scope."""

    def run(scenario, *, scope=Scope.ADMIN, clock=None, **given):
        async def within(service):
            reply = await service.http.post("/session", json={"key": KEYS[scope]}, headers=OWN)
            token = reply.cookies[COOKIE]
            service.http.cookies.clear()
            return await scenario(service, token)

        return served(within, others={"now": clock} if clock else None, **{"api_keys": SETTING} | given)

    return run


def with_cookie(token, **headers):
    return {"Cookie": f"{COOKIE}={token}"} | {name.replace("_", "-"): value for name, value in headers.items()}


def sign_in(served, key, headers=OWN, **given):
    async def scenario(service):
        return await service.http.post("/session", json={"key": key}, headers=headers)

    return served(scenario, **{"api_keys": SETTING} | given)


def test_a_key_begins_a_session_whose_cookie_scripts_and_other_sites_cannot_use(served):
    reply = sign_in(served, KEYS[Scope.READ])

    cookie = reply.headers["set-cookie"]
    assert reply.status_code == 200
    assert (reply.json()["name"], reply.json()["scopes"]) == ("of-read", ["read"])
    assert {"HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={SESSION_SECONDS}"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert KEYS[Scope.READ] not in cookie


@pytest.mark.parametrize(
    ("origin", "given", "is_secure"),
    [
        (HERE, {}, False),
        ("https://127.0.0.1:8000", {}, True),  # a proxy with TLS that keeps the host
        (None, {"public_base_url": "https://thumbs.example.com"}, True),
    ],
)
def test_over_https_the_cookie_never_travels_in_clear(served, origin, given, is_secure):
    reply = sign_in(served, KEYS[Scope.READ], headers={"Origin": origin} if origin else {}, **given)

    assert ("Secure" in reply.headers["set-cookie"].split("; ")) == is_secure


def test_a_key_that_the_service_does_not_know_begins_none(served):
    async def scenario(service):
        bodies = (f'{{"key": "{text}"}}' for text in (UNKNOWN, "", "\\ud800", "\\udc80", "\\u0000", "schlüssel"))
        json = {"Content-Type": "application/json"}
        return [await service.http.post("/session", content=body.encode(), headers=OWN | json) for body in bodies]

    replies = served(scenario, api_keys=SETTING)

    assert {(reply.status_code, reply.json()["code"]) for reply in replies} == {(401, "key_needed")}
    assert not any("set-cookie" in reply.headers for reply in replies)


def test_without_keys_in_the_settings_nobody_needs_a_session(served):
    reply = sign_in(served, UNKNOWN, api_keys=None)

    assert (reply.status_code, reply.json()["keysNeeded"]) == (200, False)
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize(("scope", "paused", "read"), [(Scope.ADMIN, 200, 200), (Scope.READ, 403, 200)])
def test_a_session_may_do_what_its_key_may(signed_in, scope, paused, read):
    async def scenario(service, token):
        pausing = await service.http.post("/api/queue/pause", headers=with_cookie(token, Origin=HERE))
        reading = await service.http.get("/api/jobs", headers=with_cookie(token, Sec_Fetch_Site="same-origin"))
        who = await service.http.get("/session", headers=with_cookie(token))
        return pausing.status_code, reading.status_code, who.json()["name"]

    assert signed_in(scenario, scope=scope) == (paused, read, f"of-{scope}")


FOREIGN = [
    ("GET", {"Sec_Fetch_Site": "cross-site"}),
    ("GET", {"Sec_Fetch_Site": "same-site"}),  # another service of the same machine or domain
    ("GET", {"Origin": ALLOWED}),
    ("POST", {}),  # browsers name the origin of every change
    ("POST", {"Origin": ALLOWED}),  # it may use the API, with a key of its own
    ("POST", {"Origin": HERE, "Sec_Fetch_Site": "none", "Authorization": bearer(UNKNOWN)["Authorization"]}),
]


def test_only_pages_of_the_service_itself_use_the_cookie_and_a_key_in_the_header_counts_more(signed_in):
    async def scenario(service, token):
        paths = {"GET": "/api/jobs", "POST": "/api/queue/pause"}
        return [
            (await service.http.request(method, paths[method], headers=with_cookie(token, **headers))).status_code
            for method, headers in FOREIGN
        ]

    assert signed_in(scenario, allowed_origins=(ALLOWED,)) == [401] * len(FOREIGN)


def test_a_page_behind_a_proxy_that_changes_the_host_is_the_services_own(signed_in):
    async def scenario(service, token):
        headers = with_cookie(token, Origin="https://thumbs.example.com")
        return (await service.http.post("/api/queue/pause", headers=headers)).status_code

    assert signed_in(scenario, public_base_url="https://thumbs.example.com") == 200


def test_a_session_ends_after_its_time(signed_in):
    clock = Clock()

    async def scenario(service, token):
        statuses = []
        for seconds in (SESSION_SECONDS - 1, 1):
            clock.at += seconds
            statuses.append((await service.http.get("/api/jobs", headers=with_cookie(token))).status_code)
        return statuses

    assert signed_in(scenario, clock=clock) == [200, 401]


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: token.replace("of-read", "of-admin"),
        lambda token: f"9{token}",
        lambda token: f"{token}; {COOKIE}={token}",
        lambda token: f'"{token}',
        lambda _: KEYS[Scope.READ],
        lambda _: "",
    ],
)
def test_a_cookie_that_the_service_did_not_make_is_nobodys(change):
    sessions, reader = sessions_and_reader(SETTING)
    token = sessions.token(reader, now=0)

    assert sessions.holder(Headers(with_cookie(token)), now=1) == reader
    assert sessions.holder(Headers(with_cookie(change(token))), now=1) is None


def test_changed_keys_end_all_sessions():
    sessions, reader = sessions_and_reader(SETTING)
    others, _ = sessions_and_reader(SETTING.replace(KEYS[Scope.UPLOAD], UNKNOWN))
    cookie = Headers(with_cookie(sessions.token(reader, now=0)))

    assert sessions.holder(cookie, now=1) == reader
    assert others.holder(cookie, now=1) is None


def sessions_and_reader(keys):
    settings = load_settings(api_keys=keys)
    return sessions_of(settings), next(key for key in settings.known_keys if key.name == "of-read")


def test_signing_out_deletes_the_cookie(signed_in):
    async def scenario(service, token):
        return await service.http.delete("/session", headers=with_cookie(token, Origin=HERE))

    reply = signed_in(scenario)

    assert reply.json()["name"] is None
    assert reply.headers["set-cookie"].startswith(f'{COOKIE}="";')
    assert "Max-Age=0" in reply.headers["set-cookie"]
