"""moto's S3 server, but a PUT of more than 1 MiB is answered late.

python -m raythumbs.bench.slow_s3 HOST PORT SECONDS
"""

import os
import sys
import time
from collections.abc import Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple

_LARGE_BYTES = 1 << 20


def main(host: str, port: str, seconds: str) -> None:
    """Serve until the process ends."""
    os.environ["MOTO_PORT"] = port  # as moto's own main does
    moto: Any = DomainDispatcherApplication(create_backend_app)

    def late(environment: dict[str, Any], begin: Any) -> Iterable[bytes]:  # noqa: ANN401 WSGI's
        answer: Iterable[bytes] = moto(environment, begin)
        if environment["REQUEST_METHOD"] == "PUT" and int(environment.get("CONTENT_LENGTH") or 0) > _LARGE_BYTES:
            time.sleep(float(seconds))
        return answer

    run_simple(host, int(port), late, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    main(*sys.argv[1:])
