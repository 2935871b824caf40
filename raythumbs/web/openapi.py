"""The description of the API (OpenAPI), with the scope that each route needs."""

from typing import Any

from fastapi import FastAPI

from raythumbs.model.access import Scope
from raythumbs.web.doors import DOORS, Open

_KEY = "apiKey"


def describe_keys(app: FastAPI, *, needed: bool) -> None:
    """Add the API keys to the description of the application, if any are needed."""
    described = app.openapi

    def with_keys() -> dict[str, Any]:
        description = described()  # the same object each time
        for path, methods in description["paths"].items():
            for method, operation in methods.items():
                operation["security"] = _security(f"{method.upper()} {path}")
        description["components"]["securitySchemes"] = {_KEY: {"type": "http", "scheme": "bearer"}}
        return description

    if needed:
        app.openapi = with_keys  # type: ignore[method-assign]  # the way that FastAPI's documentation shows


def _security(operation: str) -> list[dict[str, list[str]]]:
    """Return what an operation asks for. An empty object stands for nothing: there is another proof than a key."""
    door = next(door for name, door in DOORS.items() if name.replace(":path}", "}") == operation)
    match door:
        case Scope():
            return [{_KEY: [door]}]
        case Open.ALWAYS:
            return []
        case Open.THUMBNAIL:
            return [{_KEY: [Scope.READ]}, {}]
        case _:
            return [{_KEY: [Scope.UPLOAD]}, {}]
