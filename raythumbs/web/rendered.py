"""JSON that is written once for all who are given the same."""

from collections.abc import Callable

from fastapi import Response

from raythumbs.web.bodies import Body


class Rendered:
    """The last thing that was told, and its JSON."""

    def __init__(self) -> None:
        self._told: object = None
        self._json = b""

    def response(self, told: object, body: Callable[[], Body]) -> Response:
        """Return a response with this thing's body, which is only made if the thing is not the one told last."""
        if told is not self._told:
            self._json = body().model_dump_json(by_alias=True).encode()
            self._told = told
        return Response(self._json, media_type="application/json")
