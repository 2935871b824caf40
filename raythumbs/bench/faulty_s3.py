"""moto's S3 server, but it can fail: it answers 500 or SlowDown, or very late, or cuts bodies short.

python -m raythumbs.bench.faulty_s3 HOST PORT LARGE_PUT_SECONDS SEED

A PUT of more than 1 MiB is answered LARGE_PUT_SECONDS late. `PUT /_faults?0.1` lets one of ten requests fail, but none
with the header `X-No-Faults`. `GET /_faults` returns how many have failed in each way.
"""

import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple

_LARGE_BYTES = 1 << 20
_HANG_SECONDS = 20  # longer than the client waits


class FaultyS3:
    """A WSGI application."""

    def __init__(self, large_put_seconds: float, seed: str) -> None:
        self._moto: Any = DomainDispatcherApplication(create_backend_app)
        self._large_put_seconds = large_put_seconds
        self._chance = random.Random(seed)  # noqa: S311 to repeat a run, not to hide
        self._share = 0.0
        self._faults: Counter[str] = Counter()

    def __call__(self, environment: dict[str, Any], begin: Any) -> Iterable[bytes]:  # noqa: ANN401 WSGI's
        """Answer a request."""
        method = environment["REQUEST_METHOD"]
        if environment["PATH_INFO"] == "/_faults":
            self._share = float(environment["QUERY_STRING"]) if method == "PUT" else self._share
            begin("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(self._faults).encode()]
        if "HTTP_X_NO_FAULTS" in environment or self._chance.random() >= self._share:
            answer: Iterable[bytes] = self._moto(environment, begin)
            if method == "PUT" and int(environment.get("CONTENT_LENGTH") or 0) > _LARGE_BYTES:
                time.sleep(self._large_put_seconds)
            return answer
        fault = self._chance.choice(("500", "503 SlowDown", "hang", "cut short", "cut short"))
        fault = "500" if fault == "cut short" and method != "GET" else fault
        self._faults[fault] += 1
        if fault == "cut short":
            body = b"".join(self._moto(environment, begin))
            return [body[: len(body) // 2]]  # with the length of all; then the server closes the connection
        if fault == "hang":
            time.sleep(_HANG_SECONDS)
        if fault == "503 SlowDown":
            begin("503 Slow Down", [("Retry-After", "1")])
        else:
            begin("500 Internal Server Error", [])
        return []


def main(host: str, port: str, large_put_seconds: str, seed: str) -> None:
    """Serve until the process ends."""
    os.environ["MOTO_PORT"] = port  # as moto's own main does
    application = FaultyS3(float(large_put_seconds), seed)
    run_simple(host, int(port), application, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    main(*sys.argv[1:])
