"""Who may use the API: what the setting of the keys accepts, and where a service may start without keys."""

import json

import pytest

from raythumbs.errors import BadSettings
from raythumbs.model.access import ApiKey, Scope, digest_of, holder_of
from raythumbs.settings import load_settings
from raythumbs.settings.access import hashed_line, is_loopback

KEY = "rt_a-key-of-the-album-app"
HASH = f"sha256:{digest_of(KEY)}"


def line(**changed: object) -> dict[str, object]:
    return {"name": "album", "key": KEY, "scopes": ["upload", "read"], **changed}


def loaded(value: object):
    return load_settings(api_keys=value if isinstance(value, str) else json.dumps(value))


@pytest.mark.parametrize("key", [KEY, HASH, HASH.replace("sha256:", "SHA256:").lower(), "sha256:" + HASH[7:].upper()])
def test_a_key_and_its_hash_are_the_same_key(key):
    [known] = loaded([line(key=key)]).known_keys

    assert known == ApiKey(name="album", digest=digest_of(KEY), scopes=frozenset({Scope.UPLOAD, Scope.READ}))


def test_one_key_needs_no_list():
    assert loaded(line()).known_keys == loaded([line()]).known_keys


def test_the_key_itself_is_kept_nowhere():
    settings = loaded([line()])

    assert KEY not in str(settings.secrets)
    assert KEY not in repr(settings)
    assert HASH not in repr(settings)
    assert HASH in settings.secrets["api_keys"]


def test_without_the_setting_there_are_no_keys():
    assert load_settings().known_keys == ()


def test_sealed_keys_open_as_they_were():
    settings = loaded([line()])

    opened = settings.without_secrets().with_secrets(settings.secrets)

    assert opened.known_keys == settings.known_keys
    assert opened.identity == settings.identity


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("", "is empty"),
        ("[]", "has no key"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("null", "tuple"),
        (KEY, "is not JSON"),
        ([KEY], "0: "),
        ([line(key="short")], "0: key: is neither"),
        ([line(key="sha256:" + "0" * 63)], "0: key: is neither"),
        ([line(key="sha256:" + "g" * 64)], "0: key: is neither"),
        ([line(key="a key with blanks in it")], "0: key: is neither"),
        ([line(key="k" * 600)], "0: key: is neither"),
        ([line(key=f"{KEY}\n")], "0: key: is neither"),
        ([line(name="")], "0: name: "),
        ([line(name="a b")], "0: name: "),
        ([line(name="album\n")], "0: name: "),
        ([line(scopes=[])], "0: scopes: "),
        ([line(scopes=["write"])], "0: scopes: "),
        ([line(scopes="read")], "0: scopes: "),
        ([line(more=1)], "Extra inputs"),
        ([{"name": "album", "scopes": ["read"]}], "0: key: "),
        ({KEY: ["read"]}, "Extra inputs"),
        ([line(), line(key=KEY + "x")], "two keys have the same name"),
        ([line(), line(name="other", key=HASH)], "two keys have the same key"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_that_quotes_no_key(value, fault):
    with pytest.raises(BadSettings) as refusal:
        loaded(value)

    assert refusal.value.reason.startswith("RAYTHUMBS_API_KEYS: ")
    assert fault in refusal.value.reason
    assert KEY not in refusal.value.reason
    assert "\n" not in refusal.value.reason
    assert len(refusal.value.reason) < 500


def test_a_line_for_the_setting_has_the_hash_of_its_key():
    made = hashed_line(name="album", key=KEY, scopes=["read"])

    assert json.loads(json.dumps(made)) == {"name": "album", "key": HASH, "scopes": ["read"]}
    assert loaded(json.dumps(made)).known_keys[0].digest == digest_of(KEY)


def test_a_key_is_found_among_several_and_an_unknown_one_is_not():
    keys = loaded([line(), line(name="other", key=KEY[::-1])]).known_keys

    found = [holder_of(key, keys) for key in (KEY, KEY[::-1], KEY[:-1], "", HASH)]

    assert [holder.name if holder else None for holder in found] == ["album", "other", None, None, None]


def test_admin_includes_the_other_scopes():
    [admin] = loaded(line(scopes=["admin"])).known_keys
    [reader] = loaded(line(scopes=["read"])).known_keys

    assert [admin.may(scope) for scope in Scope] == [True, True, True]
    assert [reader.may(scope) for scope in Scope] == [False, True, False]


OWN = ("127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost", "LOCALHOST", "localhost.", "::ffff:127.0.0.1")
OTHERS = (
    "0.0.0.0",
    "::",
    "10.0.0.5",
    "192.168.1.2",
    "fe80::1",
    "::ffff:10.0.0.1",
    "nas.local",
    "",
    "localhost.evil.com",
    "127.1",
)


@pytest.mark.parametrize("host", OWN)
def test_a_service_without_keys_may_listen_where_only_this_machine_reaches_it(host):
    assert is_loopback(host)

    load_settings(host=host).refuse_strangers(host)


@pytest.mark.parametrize("host", OTHERS)
def test_on_other_addresses_a_service_needs_keys_or_a_word(host):
    assert not is_loopback(host)

    with pytest.raises(BadSettings, match="RAYTHUMBS_ALLOW_WITHOUT_KEYS=true") as refusal:
        load_settings().refuse_strangers(host)
    assert "\n" not in refusal.value.reason
    loaded(line()).refuse_strangers(host)
    load_settings(allow_without_keys=True).refuse_strangers(host)
