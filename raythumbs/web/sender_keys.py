"""The certificates and keys with which senders sign, fetched when they are needed and kept in memory."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from raythumbs.errors import RaythumbsError, SenderUnavailable, Unauthorised
from raythumbs.notifications import google_token
from raythumbs.notifications.google_token import Key
from raythumbs.notifications.sns_certificate import Certificate, certificate_of
from raythumbs.web.fetching import Fetch

T = TypeVar("T")

_CERTIFICATES = 16
_FAILURES = 256
_AT_ONCE = 4
_WAIT_SECONDS = 10.0
_AGAIN_SECONDS = 60.0
_SOON_SECONDS = 5.0  # SNS sends a message only three times more, within a minute
_FRESH_SECONDS = 6 * 3600.0  # a key that Google has withdrawn is trusted no longer than this


class Certificates:
    """The last 16 certificates of Amazon SNS, by their addresses. Four are fetched at one time.

    Strangers can name addresses. One without a certificate is asked for again after a minute, and one that does not
    answer after five seconds.
    """

    def __init__(self, fetch: Fetch, *, now: Callable[[], float]) -> None:
        self._fetch = fetch
        self._now = now
        self._known: OrderedDict[str, Certificate] = OrderedDict()
        self._failed: OrderedDict[str, tuple[float, str, type[RaythumbsError]]] = OrderedDict()
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def at(self, url: str) -> Certificate:
        """Return the certificate at an address, which is known to be SNS's.

        Raises Unauthorised if there is none, and SenderUnavailable if the address does not answer.
        """
        if url not in self._known:
            try:
                self._raise_if_failed(url)  # without a place
                async with asyncio.timeout(_WAIT_SECONDS), self._places:
                    await self._get(url)
            except TimeoutError as error:
                raise SenderUnavailable("the certificates of Amazon SNS do not come in time") from error
        self._known.move_to_end(url)
        return self._known[url]

    async def _get(self, url: str) -> None:
        if url in self._known:  # somebody else has just fetched it
            return
        self._raise_if_failed(url)
        try:
            self._known[url] = await self._fetched(url)
        except (Unauthorised, SenderUnavailable) as error:
            wait = _AGAIN_SECONDS if isinstance(error, Unauthorised) else _SOON_SECONDS
            self._failed[url] = (self._now() + wait, error.reason, type(error))
            _keep_newest(self._failed, most=_FAILURES)
            raise
        _keep_newest(self._known, most=_CERTIFICATES)

    async def _fetched(self, url: str) -> Certificate:
        pem = await self._fetch(url)
        if pem is None:
            raise Unauthorised("there is no certificate at the SigningCertURL")
        return certificate_of(pem)

    def _raise_if_failed(self, url: str) -> None:
        if url not in self._failed:
            return
        until, reason, kind = self._failed[url]
        if self._now() < until:
            raise kind(reason)
        del self._failed[url]


def _keep_newest(kept: OrderedDict[str, T], *, most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)


class GoogleKeys:
    """The keys of Google's tokens. They are fetched when they are old, or for an unknown key, at most once a minute."""

    def __init__(self, fetch: Fetch, *, now: Callable[[], float]) -> None:
        self._fetch = fetch
        self._now = now
        self._keys: Mapping[str, Key] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._one = asyncio.Lock()

    async def key(self, key_id: str) -> Key:
        """Return a key. Raise Unauthorised if Google has no such key, and SenderUnavailable if that is unknown."""
        if not self._is_known(key_id):
            async with self._one:
                await self._renew_for(key_id)
        if self._is_known(key_id):
            return self._keys[key_id]
        if self._fetched_at < self._tried_at:
            raise SenderUnavailable("Google's keys cannot be fetched")
        raise Unauthorised("Google has no key as the one that signed the push's token")

    def _is_known(self, key_id: str) -> bool:
        return key_id in self._keys and self._now() - self._fetched_at < _FRESH_SECONDS

    async def _renew_for(self, key_id: str) -> None:
        if self._is_known(key_id) or self._now() - self._tried_at < _AGAIN_SECONDS:
            return
        self._tried_at = self._now()
        body = await self._fetch(google_token.KEYS_URL)
        try:
            self._keys = google_token.keys_of(body or b"")
        except ValueError as error:
            raise SenderUnavailable(f"{google_token.KEYS_URL} has no keys") from error
        self._fetched_at = self._tried_at


class SenderKeys:
    """The certificates and keys of all senders."""

    def __init__(self, fetch: Fetch, *, now: Callable[[], float]) -> None:
        self.sns = Certificates(fetch, now=now)
        self.google = GoogleKeys(fetch, now=now)


async def _sender_keys(request: Request) -> SenderKeys:
    keys = request.app.state.sender_keys
    assert isinstance(keys, SenderKeys)  # noqa: S101 `make_app` put it there
    return keys


Keys = Annotated[SenderKeys, Depends(_sender_keys)]
