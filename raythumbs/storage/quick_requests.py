"""GET and PUT of a bucket's objects by libcurl, with a third of the CPU that they cost by boto3 or less.

The bucket's address and the credentials are botocore's; libcurl signs, sends and keeps connections. This module
understands only success. After any other answer the caller repeats the request through boto3, which knows what the
answer means. If boto3 then succeeds (for a bucket in another region, say), it makes all further requests too. It makes
all requests where they need a proxy, a client's certificate, or authorities that are not in one file.
"""

from collections import deque
from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote
from weakref import WeakKeyDictionary

import pycurl
from botocore.exceptions import NoCredentialsError
from botocore.httpsession import get_cert_path

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


_DONE = {200, 201, 204}  # S3 says 200
_TOO_MANY = 429
_ERRORS = 500
_MOST_WORDS_BYTES = 1 << 16  # of an answer that nobody reads
_BUFFER_BYTES = 1 << 17  # of each connection: what libcurl hands over at a time
_NETWORK = {
    pycurl.E_COULDNT_RESOLVE_HOST, pycurl.E_COULDNT_CONNECT, pycurl.E_OPERATION_TIMEDOUT, pycurl.E_PARTIAL_FILE,
    pycurl.E_GOT_NOTHING, pycurl.E_SEND_ERROR, pycurl.E_RECV_ERROR, pycurl.E_SSL_CONNECT_ERROR,
    pycurl.E_FTP_WEIRD_SERVER_REPLY,  # also for HTTP: the number's newer name has no FTP, and is not in pycurl
}  # fmt: skip


class Busy(Exception):
    """The store is overloaded. Asking again at once would make it worse."""

    def __init__(self, status: int, retry_after: str) -> None:
        super().__init__(f"it answers {status}")
        self.retry_after = retry_after


class NotReached(Exception):
    """There was no whole answer. The message is libcurl's."""


class Receiver(Protocol):
    """Takes an object: first its size in bytes and its ETag, then its data. It may refuse either by raising."""

    def begin(self, size_bytes: int | None, etag: str) -> None:
        """Take note of what is coming."""

    def add(self, data: bytes) -> None:
        """Take the next bytes."""


class QuickRequests:
    """Requests to one bucket. Threads may share it. Each returns whether the store did it: if not, then use boto3.

    Raises NoCredentialsError, NotReached or Busy.
    """

    def __init__(self, client: "S3Client", bucket: str) -> None:
        address = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
        self._address = address.partition("?")[0].removesuffix("k")
        self._signature = f"aws:amz:{client.meta.region_name}:s3"
        config: Any = client.meta.config
        self._connect_seconds, self._stalled_seconds = map(ceil, (config.connect_timeout, config.read_timeout))
        # botocore has no public access to its credentials and to what it knows of proxies and certificates.
        self._credentials: Any = client._get_credentials()  # type: ignore[attr-defined] # noqa: SLF001
        session: Any = client._endpoint.http_session  # type: ignore[attr-defined] # noqa: SLF001
        self._authorities = str(get_cert_path(session._verify))  # noqa: SLF001 a file, a folder or False
        needs_proxy = session._proxy_config.proxy_url_for(self._address)  # noqa: SLF001
        has_file = Path(self._authorities).is_file()
        self.is_understood = has_file and not needs_proxy and not session._cert_file  # noqa: SLF001
        self._free: deque[pycurl.Curl] = deque()  # each keeps its connection

    def get(self, key: str, receiver: Receiver, *, seconds: float) -> bool:
        """Give an object to a receiver, in this time."""
        return self._send(key, _Answer(receiver), [], {pycurl.HTTPGET: True, pycurl.TIMEOUT_MS: int(seconds * 1000)})

    def put(self, key: str, data: bytes, headers: Sequence[str]) -> bool:
        """Store an object, with headers such as `Content-Type: image/webp`."""
        how = {pycurl.CUSTOMREQUEST: "PUT", pycurl.POSTFIELDS: data}
        return self._send(key, _Answer(None), [*headers, "Expect:"], how)

    def boto3_did(self, key: str) -> None:
        """Leave all further requests to boto3, which succeeded where this did not; but not for the sake of one key."""
        self.is_understood &= _has_dots(key)

    def _send(self, key: str, answer: "_Answer", headers: Sequence[str], how: dict[int, Any]) -> bool:
        if not self.is_understood or _has_dots(key):
            return False
        curl = self._free.pop() if self._free else pycurl.Curl()
        try:
            self._prepare(curl, key, headers)
            return answer.of(curl, how)
        finally:
            curl.reset()  # it forgets the request, and keeps its connection
            self._free.append(curl)

    def _prepare(self, curl: pycurl.Curl, key: str, headers: Sequence[str]) -> None:
        if not self._credentials:
            raise NoCredentialsError
        credentials = self._credentials.get_frozen_credentials()
        token = [f"X-Amz-Security-Token: {credentials.token}"] if credentials.token else []
        for option, value in (
            (pycurl.URL, self._address + quote(key)),
            (pycurl.PROXY, ""),  # botocore's settings say whether there is one
            (pycurl.CAINFO, self._authorities),
            (pycurl.AWS_SIGV4, self._signature),
            (pycurl.USERNAME, credentials.access_key),
            (pycurl.PASSWORD, credentials.secret_key),
            (pycurl.HTTPHEADER, [*headers, *token]),
            (pycurl.USERAGENT, "raythumbs"),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.BUFFERSIZE, _BUFFER_BYTES),
            (pycurl.CONNECTTIMEOUT, self._connect_seconds),
            (pycurl.LOW_SPEED_LIMIT, 1),
            (pycurl.LOW_SPEED_TIME, self._stalled_seconds),  # without a byte
            (pycurl.NOSIGNAL, True),  # signals are for a program's one thread
        ):
            curl.setopt(option, value)


def _has_dots(key: str) -> bool:
    """Return whether libcurl would take a part of the key for a folder, and shorten the key."""
    return not {".", ".."}.isdisjoint(key.split("/"))


class _Answer:
    """An answer while it comes. Its body goes to a receiver, if the store did what it was asked."""

    def __init__(self, receiver: Receiver | None) -> None:
        self._receiver = receiver
        self._status = 0
        self._headers: dict[str, str] = {}
        self._words_bytes = 0
        self._has_begun = False
        self._refusal: Exception | None = None  # by the receiver: no exception can pass through libcurl

    def of(self, curl: pycurl.Curl, how: dict[int, Any]) -> bool:
        """Send a prepared request; return whether the store did it."""
        for option, value in (how | {pycurl.HEADERFUNCTION: self._head, pycurl.WRITEFUNCTION: self._body}).items():
            curl.setopt(option, value)
        try:
            curl.perform()
        except pycurl.error as error:
            self._judge(*error.args)
        if self._status == _TOO_MANY or self._status >= _ERRORS:
            raise Busy(self._status, self._headers.get("retry-after", ""))
        if self._status not in _DONE:
            return False
        self._take(lambda _: None, b"")  # an empty object has no body
        if self._refusal:
            raise self._refusal
        return True

    def _judge(self, code: int, message: str) -> None:
        """Raise what a failed request means, unless that will be seen by its status, or by boto3."""
        if self._refusal:
            raise self._refusal
        if self._words_bytes > _MOST_WORDS_BYTES:
            return
        if code in _NETWORK:
            raise NotReached(message)
        self._status = 0

    def _head(self, line: bytes) -> None:
        name, _, value = line.decode("latin-1").partition(":")
        if name.startswith("HTTP/"):  # after an interim answer, such as 103, there is another one
            self._status, self._headers = int(name.split()[1]), {}
        else:
            self._headers[name.lower()] = value.strip()

    def _body(self, data: bytes) -> int:
        """Return how many bytes were taken. Fewer than there were end the request."""
        if self._status in _DONE and self._receiver:
            self._take(self._receiver.add, data)
            return 0 if self._refusal else len(data)
        self._words_bytes += len(data)
        return len(data) if self._words_bytes <= _MOST_WORDS_BYTES else 0

    def _take(self, add: Callable[[bytes], None], data: bytes) -> None:
        try:
            if self._receiver and not self._has_begun:
                self._has_begun = True
                size = self._headers.get("content-length", "")
                is_number = size.isascii() and size.isdecimal()
                self._receiver.begin(int(size) if is_number else None, self._headers.get("etag", ""))
            add(data)
        except Exception as error:  # noqa: BLE001 raised again once libcurl has ended the request
            self._refusal = error


_made: WeakKeyDictionary["S3Client", dict[str, QuickRequests]] = WeakKeyDictionary()


def quick_requests(client: "S3Client", bucket: str) -> QuickRequests:
    """Return the object for a client and a bucket, always the same one."""
    of_client = _made.setdefault(client, {})
    if bucket not in of_client:
        of_client[bucket] = QuickRequests(client, bucket)
    return of_client[bucket]
