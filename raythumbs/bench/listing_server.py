"""A bucket of generated keys: an HTTP server that answers ListObjectsV2 and has no objects.

It answers as Amazon's API reference describes "ListObjectsV2": pages of up to a thousand keys, `prefix`, `delimiter`,
`start-after` and `continuation-token`.
"""

import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from typing import overload
from urllib.parse import parse_qs, urlsplit

from raythumbs.bench.servers import await_server, listens, start_server
from raythumbs.cluster.free_port import free_port

_KEYS_A_FOLDER = 10_000
_LAST = "\U0010ffff"
_PAGE = 1000
_OBJECT = (
    "<Contents><Key>{key}</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified>"
    "<ETag>&quot;{etag:032x}&quot;</ETag><Size>5000000</Size><StorageClass>STANDARD</StorageClass></Contents>"
)
_ANSWER = (
    '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<Name>photos</Name><Prefix>{prefix}</Prefix><MaxKeys>1000</MaxKeys><KeyCount>{count}</KeyCount>{found}"
    "<IsTruncated>{truncated}</IsTruncated>{next}</ListBucketResult>"
)


class Keys(Sequence[str]):
    """So many keys in their order, ten thousand in a folder; none is kept in memory."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        """Return how many there are."""
        return self._count

    @overload
    def __getitem__(self, number: int) -> str: ...
    @overload
    def __getitem__(self, number: slice) -> list[str]: ...
    def __getitem__(self, number: int | slice) -> str | list[str]:
        """Return a key, or some."""
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(self._count))]
        if not 0 <= number < self._count:
            raise IndexError(number)
        return f"{number // _KEYS_A_FOLDER:05}/{number:09}.jpg"

    def folders(self, begin: int, end: int, *, prefix: str) -> Iterator[str]:
        """Yield the common prefixes of a range of keys, up to the next slash after the prefix."""
        while begin < end:
            rest = self[begin].removeprefix(prefix)
            if "/" not in rest:
                return
            yield (folder := prefix + rest.partition("/")[0] + "/")
            begin = bisect_left(self, folder + _LAST, begin, end)


class _Bucket(BaseHTTPRequestHandler):
    """Answers listings of the keys that the server has."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a head and a body are two writes, of which the second would wait up to 40 ms
    keys: Keys

    def do_GET(self) -> None:
        """List."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        body = _page(self.keys, asked).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class names it so
        """Log nothing."""


def _page(keys: Keys, asked: dict[str, str]) -> str:
    prefix = asked.get("prefix", "")
    after = asked.get("continuation-token") or asked.get("start-after", "")
    begin = max(bisect_left(keys, prefix), bisect_right(keys, after))
    end = bisect_left(keys, prefix + _LAST)
    if "delimiter" in asked:
        folders = list(islice(keys.folders(begin, end, prefix=prefix), _PAGE))
        found = "".join(f"<CommonPrefixes><Prefix>{one}</Prefix></CommonPrefixes>" for one in folders)
        return _ANSWER.format(prefix=prefix, count=len(folders), found=found, truncated="false", next="")
    page = range(begin, min(begin + _PAGE, end))
    found = "".join(_OBJECT.format(key=keys[number], etag=number) for number in page)
    is_more = bool(page) and page[-1] + 1 < end
    token = f"<NextContinuationToken>{keys[page[-1]]}</NextContinuationToken>" if is_more else ""
    return _ANSWER.format(prefix=prefix, count=len(page), found=found, truncated=str(is_more).lower(), next=token)


@contextmanager
def listing_server(keys: int) -> Iterator[str]:
    """Run a bucket of so many keys in a process of its own; yield its address."""
    port = free_port()
    server = start_server([sys.executable, "-m", "raythumbs.bench.listing_server", str(port), str(keys)])
    try:
        await_server(lambda: listens(port), "the server of listings does not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _main() -> None:
    _Bucket.keys = Keys(int(sys.argv[2]))
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), _Bucket).serve_forever()


if __name__ == "__main__":
    _main()
