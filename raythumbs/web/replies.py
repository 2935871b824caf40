"""Turns errors into HTTP replies, for all routes."""

import json
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from raythumbs.errors import STUMBLED, KeyNeeded, RaythumbsError, ScopeNeeded, Unauthorised
from raythumbs.events import emit_trouble
from raythumbs.web.bodies import ErrorBody
from raythumbs.web.headers import PROTECTION

_RETRY_AFTER_SECONDS = 5
_REASON_LETTERS = 1000  # it may quote what was sent
_LOGIN = 'Basic realm="raythumbs"'  # without it, Amazon SNS does not send the password of its endpoint
_COME_BACK = {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}


def refusal(error: RaythumbsError) -> Response:
    """Return the reply to an error: its status, code and reason, and `Retry-After` if a retry may help.

    Reasons that show internals (hosts, users, folders) go to the log only.
    """
    if error.public_reason:
        emit_trouble("request.refused", error)
    return _reply(error.http_status, error.code, error.public_reason or error.reason, _headers(error))


def _headers(error: RaythumbsError) -> dict[str, str]:
    match error:
        case KeyNeeded() | ScopeNeeded():
            return {"WWW-Authenticate": error.challenge}
        case Unauthorised():
            return {"WWW-Authenticate": _LOGIN}
    return {"Retry-After": str(_RETRY_AFTER_SECONDS)} if error.http_status in _COME_BACK else {}


def error_body(code: str, reason: str) -> bytes:
    """Return an ErrorBody as bytes. They are ASCII, because the reason may quote what is not valid text."""
    return json.dumps(ErrorBody(code=code, reason=reason[:_REASON_LETTERS]).model_dump()).encode("ascii")


def tell_errors(app: FastAPI) -> None:
    """Make the application answer every error with an ErrorBody."""

    @app.exception_handler(RaythumbsError)
    async def _ours(_request: Request, error: RaythumbsError) -> Response:
        return refusal(error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> Response:
        faults = error.errors()
        if any(fault["type"] == "json_invalid" for fault in faults):
            return _reply(HTTPStatus.BAD_REQUEST, "bad_json", f"the body is not JSON: {faults[0]['ctx']['error']}")
        reason = "; ".join(f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in faults)
        return _reply(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_request", reason)

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, RaythumbsError):  # FastAPI wraps whatever is raised while it reads a body
            return refusal(error.__cause__)
        code = HTTPStatus(error.status_code).name.lower()
        return _reply(error.status_code, code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(ClientDisconnect)
    async def _left(_request: Request, _error: ClientDisconnect) -> Response:
        return _reply(HTTPStatus.BAD_REQUEST, "bad_request", "the client left before the end of its body")

    @app.exception_handler(Exception)
    async def _unforeseen(request: Request, error: Exception) -> Response:
        return stumbled(request, error)


def stumbled(request: Request, error: Exception) -> Response:
    """Return the reply to an error that nobody foresaw, which goes to the log."""
    emit_trouble("request.stumbled", error, path=request.url.path)
    return _reply(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", STUMBLED)


def _reply(status: int, code: str, reason: str, headers: dict[str, str] | None = None) -> Response:
    return Response(error_body(code, reason), status, {**PROTECTION, **(headers or {})}, media_type="application/json")
