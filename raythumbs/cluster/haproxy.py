"""HAProxy, hardened: a program that stands in for HAProxy's own, where Ray Serve starts it.

Ray Serve writes a configuration and executes HAProxy on it. Here that configuration is rewritten first: Ray's has an
admin socket for everybody, statistics on every address, no time-out for a silent client, and error pages that are not
JSON. HAProxy then runs with an empty environment, and ends with the actor that started it.

Only the standard library is imported: it runs at each reload.
"""

import argparse
import ctypes
import json
import os
import re
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

HEADER_SECONDS = 10  # for a request's header, and for the first byte of a connection
IDLE_SECONDS = 60  # between two requests of a connection
SILENT_SECONDS = 120  # for a client within a body: the ingress has a shorter time-out of its own, and answers it
REFUSALS_IN_10_SECONDS = 1000  # of one address; HAProxy answers the others, at little cost
CONNECTIONS = 16_384
_DESCRIPTORS_A_CONNECTION = 2.5  # two sockets, and of every fourth connection a pipe, into which bytes are spliced
_DESCRIPTORS_BESIDE = 150  # listeners, checks, and what a reload hands over
_FEWEST_CONNECTIONS = 64
_PR_SET_PDEATHSIG = 1  # prctl(2)
_MARK = "    # hardened by raythumbs"

# Headers that steer Ray Serve: a stranger may not set a request's time limit or the replica that answers.
_SERVES_HEADERS = (
    "x-request-timeout-seconds",
    "x-session-id",
    "serve_multiplexed_model_id",
    "serve-multiplexed-model-id",
)

_SERVES_PROXY = "SERVE_PROXY_ACTOR-fallback-"  # how the name begins under which HAProxy knows it

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_ERRORS = {
    400: ("bad_request", "the request is not valid HTTP"),
    404: ("not_found", "there is nothing here"),
    405: ("method_not_allowed", "there is no such method"),
    408: ("too_slow", "the request did not arrive in time"),
    429: (
        "too_many_requests",
        "this address has too many connections, or was refused too often; try again in some seconds",
    ),
    500: (
        "internal",
        "an internal error; the log of the service has the details",
    ),  # no apostrophe: it would end the quote
    502: ("unavailable", "the service is restarting; try again in a few seconds"),
    503: ("unavailable", "the service is starting or restarting; try again in a few seconds"),
    504: ("unavailable", "the service did not answer in time; try again in a few seconds"),
}


class NotUnderstood(Exception):
    """The configuration is not what this version of Ray Serve is known to write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What a hardened HAProxy listens on, and how many connections it takes."""

    bind: str | None  # HOST:PORT, instead of Ray's; None keeps that
    connections: int
    clients: "Clients | None" = None  # None: it is not known which addresses speak for many clients


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """Which addresses speak for many clients, and how many connections any other address may have."""

    proxies: tuple[str, ...]
    connections: int


def harden(configuration: str, door: Door) -> str:
    """Return Ray Serve's configuration of HAProxy without what lets strangers in. Raises NotUnderstood."""
    if _MARK in configuration:
        return configuration
    text = _without_sections(configuration, ("frontend prometheus", "listen stats"))
    text = _replaced(r"mode 666 level admin expose-fd listeners", "mode 600 level user expose-fd listeners", text)
    # Addresses have secrets in their queries: signed links, the secret of Azure's events.
    text = _replaced(r"^    log \S+ local0 info\n", "", text)
    text = _replaced(r"^    option httplog$", '    log-format "%HM %HPO %ST"', text)  # of Ray's metrics
    text = _replaced(r"^    maxconn \d+$", f"    maxconn {door.connections}", text)
    text = _replaced(r"^    timeout client .*$", f"    timeout client {SILENT_SECONDS}s", text)
    text = _replaced(r"^    timeout http-keep-alive .*$", f"    timeout http-keep-alive {IDLE_SECONDS}s", text)
    text = _replaced(r"^    errorfile 50[234] .*\n", "", text)
    # No route matches: Serve has not announced its application yet.
    text = _replaced(r"^    http-request return status 404 .*$", _answer(503), text)
    text = _replaced(r"^frontend http_frontend$", "\n".join((*_defaults(), "frontend http_frontend")), text)
    return _replaced(
        r"^    bind (\S+:\d+)$",
        lambda ray: "\n".join((f"    bind {door.bind or ray[1]} proto h1", *_frontend(door))),
        text,
    )


def _defaults() -> list[str]:
    errors = (
        f"    http-error status {status} content-type application/json string "
        f"{_quoted(_body(status))}{_headers(status)}"
        for status in _ERRORS
    )
    return [
        _MARK,
        f"    timeout http-request {HEADER_SECONDS}s",
        "    timeout queue 10s",
        "    timeout server 3600s",
        *errors,
    ]


def _frontend(door: Door) -> list[str]:
    return [
        # No single address may hold every connection; on this machine a proxy may speak for many.
        "    stick-table type ipv6 size 100k expire 2m store conn_cur,http_err_rate(10s)",
        "    tcp-request connection track-sc0 src",
        "    acl this_machine src 127.0.0.0/8 ::1",
        f"    tcp-request connection reject if {{ sc0_conn_cur gt {door.connections // 4} }} !this_machine",
        *_limits_of_one_address(door.clients),
        # uvicorn's parser knows no others, and has no JSON for them.
        f"{_answer(405)} unless {{ method {' '.join(_METHODS)} }}",
        f"{_answer(404)} unless {{ path_beg / }}",  # `OPTIONS *`
        "    http-request set-header x-raythumbs-peer %[src]",
        # Serve then hands on what uvicorn receives, as it is asked for it, instead of reading ahead without bound.
        "    http-request set-header x-request-disconnect-disabled ?1",
        # Serve's own proxy answers before HAProxy knows a replica. Of a replica that dies meanwhile, it says 500.
        (
            f"{_answer(503, 'http-response')} if {{ status 500 }} {{ srv_name -m beg {_SERVES_PROXY} }} "
            "!{ res.hdr(content-type) -m beg application/json }"
        ),
        *(f"    http-request del-header {name}" for name in _SERVES_HEADERS),
        # Serve decodes it as UTF-8, and stumbles over other bytes.
        "    http-request del-header x-request-id if { req.hdr(x-request-id) -m reg [^!-~] }",
        "    http-request del-header x-request-id if { req.fhdr(x-request-id),length gt 128 }",
    ]


def _limits_of_one_address(clients: Clients | None) -> list[str]:
    if clients is None:
        return []
    return [
        *(f"    acl speaks_for_many src {address}" for address in clients.proxies or ("0.0.0.0/32",)),
        f"    acl asks_too_much sc0_conn_cur gt {clients.connections}",
        f"    acl asks_too_much sc0_http_err_rate gt {REFUSALS_IN_10_SECONDS}",
        f"{_answer(429)} if asks_too_much !speaks_for_many",
    ]


def _without_sections(text: str, names: Sequence[str]) -> str:
    for name in names:
        text = _replaced(rf"^{name}\n(?:[ \t].*\n|\n)*", "", text)
    return text


def _replaced(pattern: str, by: str | Callable[[re.Match[str]], str], text: str) -> str:
    """Replace a pattern wherever it is, and insist that it is there."""
    replacement = (lambda _: by) if isinstance(by, str) else by
    changed, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
    if not count:
        raise NotUnderstood(f"Ray Serve's configuration of HAProxy has nothing like {pattern!r}")
    return changed


def _answer(status: int, to: str = "http-request") -> str:
    return (
        f"    {to} return status {status} content-type application/json string "
        f"{_quoted(_body(status))}{_headers(status)}"
    )


def _body(status: int) -> str:
    code, reason = _ERRORS[status]
    return json.dumps({"code": code, "reason": reason})


def _headers(status: int) -> str:
    headers = " hdr X-Content-Type-Options nosniff"
    if status == 405:  # noqa: PLR2004 RFC 9110, section 15.5.6
        return f"{headers} hdr Allow {_quoted(', '.join(_METHODS))}"
    return f"{headers} hdr Retry-After 5" if status in {429, 502, 503, 504} else headers


def _quoted(text: str) -> str:
    return "'" + text.replace("'", r"'\''") + "'"


def affordable_connections(descriptors: int) -> int:
    """Return how many connections fit into so many open files."""
    return max(
        _FEWEST_CONNECTIONS, min(CONNECTIONS, int((descriptors - _DESCRIPTORS_BESIDE) / _DESCRIPTORS_A_CONNECTION))
    )


def main() -> None:
    """Harden the configuration that HAProxy is to be started with, and become HAProxy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bind", help="HOST:PORT to listen on, instead of Ray Serve's")
    parser.add_argument(
        "--proxies", help="addresses and networks that speak for many clients, with commas between them"
    )
    parser.add_argument("--connections", type=int, help="how many connections any other address may have")
    parser.add_argument("binary", help="HAProxy's own program; after `--` follows what Ray Serve calls it with")
    ours = sys.argv.index("--")
    asked, arguments = parser.parse_args(sys.argv[1:ours]), sys.argv[ours + 1 :]
    _die_with_parent()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    file = Path(arguments[arguments.index("-f") + 1])
    clients = None
    if asked.connections:
        proxies = tuple(filter(None, (asked.proxies or "").split(",")))
        clients = Clients(proxies=proxies, connections=asked.connections)
    door = Door(bind=asked.bind, connections=affordable_connections(most), clients=clients)
    file.write_text(harden(file.read_text(), door))
    # Without -dR it shares the port with the doorkeeper, until that leaves it.
    os.execve(asked.binary, [asked.binary, *(one for one in arguments if one != "-dR")], {})  # noqa: S606 no environment


def _die_with_parent() -> None:
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before
        os._exit(1)


if __name__ == "__main__":
    main()
