"""Documents in OpenAPI what each operation can answer, from the shape of its request.

A route names only what its shape does not tell: `responses=refusals(HTTPStatus.CONFLICT)`.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from raythumbs.web.bodies import ErrorBody

_ANY = (HTTPStatus.BAD_REQUEST, HTTPStatus.MISDIRECTED_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE)
_WITH_BODY = (
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus(413),  # Python 3.13 changed its name
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus(422),  # the same
    HTTPStatus.TOO_MANY_REQUESTS,
)
_WITH_KEYS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_METHODS_WITH_BODY = {"post", "put", "patch", "delete"}
_ERROR = {"application/json": {"schema": {"$ref": f"#/components/schemas/{ErrorBody.__name__}"}}}
_RANGES = ("4XX", "5XX")
_WAIT = {"Retry-After": {"description": "seconds until a retry may help", "schema": {"type": "integer"}}}
_COME_BACK = {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}


def refusals(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that refuses with these statuses."""
    return {status.value: {"model": ErrorBody, "description": status.phrase} for status in statuses}


def document_answers(app: FastAPI) -> None:
    """Make the application's OpenAPI document name every status of every operation."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            for path in make()["paths"].values():
                for method, operation in path.items():
                    _complete(method, operation)
        return make()

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's way to change the document


def _complete(method: str, operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    for some in _RANGES:
        answers.pop(some, None)
    statuses = [*_statuses(method, {one["in"] for one in operation.get("parameters", ())})]
    if operation.get("security"):  # see openapi.py
        statuses += _WITH_KEYS
    for status in statuses:
        answer = answers.setdefault(str(status.value), {"description": status.phrase, "content": _ERROR})
        if status in _COME_BACK:
            answer["headers"] = _WAIT


def _statuses(method: str, parameters: set[str]) -> Iterator[HTTPStatus]:
    yield from _ANY
    if method in _METHODS_WITH_BODY:
        yield from _WITH_BODY
    if "path" in parameters:
        yield HTTPStatus.NOT_FOUND
    if parameters:
        yield HTTPStatus(422)
