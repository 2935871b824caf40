"""The JSON of the last answer, so that it is written once for all clients that get the same answer."""

from collections.abc import Callable

from fastapi import Request, Response

from raythumbs.web.bodies import Body


class CachedJson:
    """The last value that was answered, and its JSON."""

    def __init__(self) -> None:
        self._value: object = None
        self._json = b""

    def response(self, value: object, body: Callable[[], Body]) -> Response:
        """Return a response with the JSON of `value`. `body` is called only if the last value was another object."""
        if value is not self._value:
            self._json = body().model_dump_json(by_alias=True).encode()
            self._value = value
        return Response(self._json, media_type="application/json")


def cached_json(request: Request, what: str) -> CachedJson:
    """Return the cache of one kind of answer."""
    cached: dict[str, CachedJson] = request.app.state.cached_json
    return cached[what]
