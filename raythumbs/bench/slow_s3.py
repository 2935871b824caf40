"""moto's S3 server, but a PUT of more than 1 MiB is answered late.

python -m raythumbs.bench.slow_s3 HOST PORT SECONDS
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple

_LARGE_BYTES = 1 << 20

Application = Callable[..., Iterable[bytes]]


def late(application: Application, seconds: float) -> Application:
    """Return a WSGI application that answers as this one does, but so much later where a large body is put."""

    def answer(environment: Mapping[str, Any], begin: Callable[..., Any]) -> Iterable[bytes]:
        answered = application(environment, begin)
        if environment["REQUEST_METHOD"] == "PUT" and int(environment.get("CONTENT_LENGTH") or 0) > _LARGE_BYTES:
            time.sleep(seconds)
        return answered

    return answer


def main(host: str, port: str, seconds: str) -> None:
    """Serve until the process ends."""
    os.environ["MOTO_PORT"] = port  # as moto's own main does
    moto: Any = DomainDispatcherApplication(create_backend_app)
    run_simple(host, int(port), late(moto, float(seconds)), threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    main(*sys.argv[1:])
