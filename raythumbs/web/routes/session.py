"""Sign in to the page with an API key, see who is signed in, sign out."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Self

from fastapi import APIRouter, Request, Response
from pydantic import Field, SecretStr

from raythumbs.errors import KeyNeeded
from raythumbs.events import emit
from raythumbs.model.access import ApiKey, Scope, holder_of
from raythumbs.model.photo_format import file_chooser_types
from raythumbs.web.bodies import Body, Moment
from raythumbs.web.dependencies import Dependencies, Deps
from raythumbs.web.documented import refusals
from raythumbs.web.keys import UNKNOWN_KEY, holder, sessions_of
from raythumbs.web.sessions import SESSION_SECONDS, forget, keep

router = APIRouter(tags=["page"])

_LONGEST_KEY = 600


class SignInBody(Body):
    """The key to sign in with."""

    key: SecretStr = Field(max_length=_LONGEST_KEY, examples=["rt_0123456789abcdef"])


class SessionBody(Body):
    """Who is signed in, and what they may do."""

    keys_needed: bool = Field(description="whether the service has API keys; without, everybody may do everything")
    name: str | None = Field(description="the name of the key; null if nobody is signed in")
    scopes: list[Scope]
    expires_at: Moment | None = Field(description="when a session that begins now ends; null if none begins")
    base_url: str | None = Field(description="what links to this service begin with; null if nobody is signed in")
    photo_files: str = Field(description="the files that a file chooser shows, as HTML's `accept` names them")

    @classmethod
    def of(cls, deps: Dependencies, who: ApiKey | None, *, expires: float | None = None) -> Self:
        """Describe the session of the holder of a key, or that there is none."""
        needed = deps.settings.api_keys is not None
        return cls(
            keys_needed=needed,
            name=who.name if who else None,
            scopes=sorted(who.scopes) if who else [],
            expires_at=datetime.fromtimestamp(expires, UTC) if expires else None,
            base_url=None if needed and who is None else deps.settings.base_url,
            photo_files=file_chooser_types(),
        )


@router.get("/session")
async def session(request: Request, deps: Deps) -> SessionBody:
    """Return who is signed in."""
    return SessionBody.of(deps, holder(request))


@router.post("/session", responses=refusals(HTTPStatus.UNAUTHORIZED))
async def sign_in(body: SignInBody, request: Request, reply: Response, deps: Deps) -> SessionBody:
    """Begin a session of twelve hours: the reply sets a cookie. Without API keys, nothing is needed and nothing set."""
    sessions = sessions_of(deps.settings)
    if sessions is None:
        return SessionBody.of(deps, None)
    key = body.key.get_secret_value()
    who = holder_of(key, deps.settings.known_keys) if key.isascii() else None  # JSON can hold what is no text
    if who is None:
        raise KeyNeeded(UNKNOWN_KEY)
    now = deps.now()
    emit("session.began", key=who.name)
    keep(reply, sessions.token(who, now=now), over_https=_over_https(request, deps))
    return SessionBody.of(deps, who, expires=now + SESSION_SECONDS)


@router.delete("/session")
async def sign_out(request: Request, reply: Response, deps: Deps) -> SessionBody:
    """End the session in this browser: the reply deletes the cookie."""
    forget(reply, over_https=_over_https(request, deps))
    return SessionBody.of(deps, None)


def _over_https(request: Request, deps: Dependencies) -> bool:
    """Return whether the browser reaches the service over HTTPS: by its page's origin, or by the public address."""
    origin = request.headers.get("origin") or deps.settings.base_url
    return origin.lower().startswith("https://")
