"""Examples in the OpenAPI document, made of the schemas: a value for each field by its name, or else by its type."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from raythumbs.errors import (
    BadRequest,
    BodyTooLarge,
    IllegalMove,
    KeyNeeded,
    NotJson,
    QueueUnavailable,
    ScopeNeeded,
    StoreUnavailable,
    TooManyBodies,
    TooSlow,
    UnknownHost,
    UnknownJob,
    Unstorable,
)

Schema = dict[str, Any]

_ID = "019f3c6e-7a2b-7c41-9d52-0c1f6a7b8e90"
_SOURCE = "s3://photos/2026/cat.jpg"
_VALUES: Mapping[str, Any] = {
    "jobId": _ID,
    "photoId": "019f3c6e-7a2b-7c41-9d52-3b5d90aa41c7",
    "statusUrl": f"http://127.0.0.1:8000/api/jobs/{_ID}",
    "photoUrl": "http://127.0.0.1:8000/api/photos/019f3c6e-7a2b-7c41-9d52-3b5d90aa41c7",
    "url": "http://127.0.0.1:8000/thumbnails/4a/019f/thumbnail.jpg",
    "source": _SOURCE,
    "sources": [_SOURCE],
    "folderId": "holiday",
    "fileName": "cat.jpg",
    "state": "succeeded",
    "priority": "NORMAL",
    "format": "jpeg",
    "name": "thumbnail",
    "width": 300,
    "height": 225,
    "sizeBytes": 18432,
    "thumbHash": "3OcRJYB4d3h/iIeHeEh3eIhw+j2w",
    "notes": [],
    "code": "not_an_image",
    "reason": "no decoder knows this file",
    "node": "10.0.0.7",
    "outcome": "succeeded",
    "place": "s3://photos/",
    "sender": "s3",
    "ids": [_ID],
    "validationResponse": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6",
    "nextCursor": None,
    "cursor": None,
    "deletedAt": None,
    "disabledAt": None,
    "since": None,
    "trouble": None,
}
_REFUSALS: Mapping[str, Mapping[str, str]] = {
    str(error.http_status): {"code": error.code, "reason": reason}
    for error, reason in (
        (BadRequest, "the body is not what this route takes"),
        (KeyNeeded, "this needs an API key"),
        (ScopeNeeded, "the API key has not the scope admin"),
        (UnknownJob, "there is no job 'cat'"),
        (TooSlow, "the body came too slowly"),
        (IllegalMove, "job 019f is running; it cannot be queued"),
        (BodyTooLarge, "the body is larger than 1,073,741,824 bytes"),
        (NotJson, "the body is of another type than JSON"),
        (UnknownHost, "this service has not the name photos.example"),
        (Unstorable, "a text has a character that cannot be stored"),
        (TooManyBodies, "too many bodies arrive at one time"),
        (StoreUnavailable, "the store does not answer"),
        (QueueUnavailable, "the queue does not answer; try again in a few seconds"),
    )
}
_BY_TYPE: Mapping[str, Any] = {"string": "text", "integer": 3, "number": 1.5, "boolean": False, "null": None}
_MOMENT = "2026-01-01T00:00:00Z"
_DEEPEST = 6


def add_examples(document: Schema) -> None:
    """Give each JSON body of a request or a reply an example, unless it has one."""
    for path in document["paths"].values():
        for operation in path.values():
            for status, content in _contents(operation):
                body = content.get("application/json")
                if body and "schema" in body and not {"example", "examples"} & body.keys():
                    sample = _sample(body["schema"], document)
                    body["example"] = sample | _REFUSALS[status] if status in _REFUSALS else sample


def document_examples(app: FastAPI) -> None:
    """Make the application's OpenAPI document have examples."""
    make = app.openapi

    def openapi() -> Schema:
        document = make()
        add_examples(document)  # those that are there already stay
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's way to change the document


def _contents(operation: Schema) -> list[tuple[str, Schema]]:
    """Return the contents of the request, if it has a body, and of each reply with its status."""
    asked = [("", operation["requestBody"]["content"])] if "requestBody" in operation else []
    replies = operation["responses"].items()
    return asked + [(status, reply["content"]) for status, reply in replies if "content" in reply]


def _sample(schema: Schema, document: Schema, *, name: str = "", depth: int = 0) -> Any:  # noqa: ANN401 any JSON
    if "$ref" in schema:
        named = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return _sample(named, document, name=name, depth=depth)
    if given := schema.get("examples"):
        return given[0]
    if name in _VALUES and _fits(_VALUES[name], schema):
        return _VALUES[name]
    if options := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
        return _sample(options[0], document, name=name, depth=depth)
    return _by_type(schema, document, name=name, depth=depth)


def _by_type(schema: Schema, document: Schema, *, name: str, depth: int) -> Any:  # noqa: ANN401 as above
    for known in ("const", "default"):
        if known in schema:
            return schema[known]
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object" if depth < _DEEPEST:
            fields = schema.get("properties", {})
            return {one: _sample(of, document, name=one, depth=depth + 1) for one, of in fields.items()}
        case "array" if depth < _DEEPEST:
            return [_sample(schema.get("items", {}), document, name=name, depth=depth + 1)]
        case "string" if schema.get("format") == "date-time":
            return _MOMENT
        case kind:
            return _BY_TYPE.get(str(kind), {})


def _fits(value: object, schema: Schema) -> bool:
    """Return whether a value of the table may be in a field: a name may mean other things in other bodies."""
    if "$ref" in schema:
        return True
    choices = schema.get("enum") or [schema["const"]] if "const" in schema or "enum" in schema else None
    if choices is not None:
        return value in choices
    options = schema.get("anyOf") or [schema]
    kinds = {one.get("type") for one in options} | {"string" for one in options if "$ref" in one}
    kind = {str: "string", int: "integer", list: "array", type(None): "null"}[type(value)]
    literal = [choice for one in options for choice in (one.get("enum") or ([one["const"]] if "const" in one else []))]
    return kind in kinds and (not literal or value in literal)
