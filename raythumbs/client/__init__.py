"""The HTTP client: for apps, the command line, the benchmarks and the notebooks.

`calls.py` builds every request and reads every reply, and `blocking.py` and `asynchronous.py` send them.
"""

from raythumbs.client.asynchronous import AsyncClient
from raythumbs.client.blocking import Client
from raythumbs.client.calls import sources_by_request
from raythumbs.client.files import files_by_request
from raythumbs.client.refusals import NotRaythumbs, NotText, Refused, StillWaiting, Unreachable, Unreadable
from raythumbs.client.retries import ONCE, Retries
from raythumbs.errors import RaythumbsError

__all__ = [
    "ONCE",
    "AsyncClient",
    "Client",
    "NotRaythumbs",
    "NotText",
    "RaythumbsError",
    "Refused",
    "Retries",
    "StillWaiting",
    "Unreachable",
    "Unreadable",
    "files_by_request",
    "sources_by_request",
]
