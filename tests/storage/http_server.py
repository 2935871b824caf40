"""A real HTTP server that answers as a test tells it to, and a store that asks it."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from raythumbs.storage.s3 import S3Store, s3_client

Behaviour = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def served(behaviour: Behaviour, *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # its answers are several small writes, of which the last would wait 40 ms

        def do_GET(self) -> None:
            behaviour(self)

        do_HEAD = do_PUT = do_DELETE = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def store_at(endpoint: str) -> Iterator[S3Store]:
    client = s3_client("us-east-1", endpoint)
    yield S3Store(client, "photos")
    client.close()


def refusing(
    status: int, code: str, message: str = "no", *, more: str = "", headers: dict[str, str] | None = None
) -> Behaviour:
    """Refuse every request as S3 does; `more` is XML that the error has beside its code and message."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.rfile.read(int(request.headers.get("Content-Length", 0)))
        body = f"<Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>".encode()
        request.send_response(status)
        for name, value in (headers or {}).items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)

    return answer


def telling(pieces: list[bytes], *, length: int, pause: float = 0) -> Behaviour:
    """Send an object of an announced length, piece by piece, and close the connection."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(length))
        request.send_header("ETag", '"e"')
        request.end_headers()
        try:
            for piece in pieces:
                request.wfile.write(piece)
                time.sleep(pause)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client has had enough
        request.close_connection = True

    return answer
