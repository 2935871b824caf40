"""Redirects of a store: followed once, to an address of the same store.

botocore looks for the region of a bucket that has moved, and knows no other redirect. Where the answer names no region,
it asks HeadBucket for it, and if that is redirected too, asks HeadBucket again, until Python's stack is full.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urljoin, urlsplit

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_REDIRECTS = {301, 302, 307, 308}
_AMAZON = ("amazonaws.com", "amazonaws.com.cn")


def follow_redirects(client: "S3Client") -> None:
    """Make the client follow a redirect that names no region. Those that name one stay botocore's."""
    client.meta.events.register_first("needs-retry.s3", _follow)  # type: ignore[arg-type] # what it returns is heard


def _follow(request_dict: dict[str, Any], response: tuple[Any, Mapping[str, Any]] | None, **_: object) -> int | None:
    """Return 0, to send the request again at once and to its new address, or None. See botocore's Endpoint.

    `s3_redirect.redirected` is how botocore's own handler, which comes after this one, knows that it has nothing to do.
    """
    if response is None or response[0].status_code not in _REDIRECTS:
        return None
    headers = response[1].get("ResponseMetadata", {}).get("HTTPHeaders", {})
    if "x-amz-bucket-region" in headers or response[1].get("Error", {}).get("Region"):
        return None
    context = request_dict["context"].setdefault("s3_redirect", {})
    has_moved_before = context.get("redirected")
    context["redirected"] = True
    address = urljoin(request_dict["url"], headers.get("location", ""))
    if has_moved_before or not is_same_store(request_dict["url"], address):
        return None
    query = urlsplit(request_dict["url"]).query  # the request's own: what it asks for does not change
    request_dict["url"] = urlsplit(address)._replace(query=query, fragment="").geturl()
    return 0


def is_same_store(old: str, new: str) -> bool:
    """Return whether a request may be sent to a new address in place of the old one.

    What is stored may be secret, and a store must not send requests to the inner network. So the new host must be the
    old one, or a host below it, or both must be Amazon's.
    """
    try:
        before, after = urlsplit(old), urlsplit(new)
        has_moved = (before.netloc, before.path) != (after.netloc, after.path) or before.scheme != after.scheme
        return has_moved and _is_as_safe(before, after) and _is_related(before.hostname or "", after.hostname or "")
    except ValueError:
        return False


def _is_as_safe(before: SplitResult, after: SplitResult) -> bool:
    return after.scheme in {"https", before.scheme} and after.username is None and after.password is None


def _is_related(before: str, after: str) -> bool:
    if before == after or after.endswith(f".{before}"):
        return True
    return any(before.endswith(f".{domain}") and after.endswith(f".{domain}") for domain in _AMAZON)
