"""The web application: its routes, and what stands before them."""

from functools import cache

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute

from raythumbs import __version__
from raythumbs.web.bodies import ErrorBody
from raythumbs.web.browsers import OnlyOwnPages, Visitors, bare
from raythumbs.web.cached_json import CachedJson
from raythumbs.web.clients import Clients
from raythumbs.web.cors import CrossOrigin
from raythumbs.web.dependencies import Dependencies
from raythumbs.web.documented import document_answers
from raythumbs.web.doors import Doors
from raythumbs.web.examples import document_examples
from raythumbs.web.headers import Protected
from raythumbs.web.keys import OnlyKeyHolders
from raythumbs.web.limits import BodyLimits
from raythumbs.web.openapi import describe_keys
from raythumbs.web.page.figures import POLL_SECONDS, FiguresSource
from raythumbs.web.replies import tell_errors
from raythumbs.web.routes import ROUTERS
from raythumbs.web.routes.folders import places_of_streams
from raythumbs.web.routes.notifications import EVENT_PATHS
from raythumbs.web.routes.photos_in import UPLOAD_PATH
from raythumbs.web.sender_keys import SenderKeys
from raythumbs.web.unforeseen import Unforeseen
from raythumbs.web.upload_room import UploadRoom
from raythumbs.web.watch import Watch


def make_app(deps: Dependencies, *, behind_haproxy: bool = False) -> FastAPI:
    """Return the web application. `behind_haproxy`: HAProxy adds a header with the address of the client."""
    app = FastAPI(
        title="raythumbs",
        version=__version__,
        summary="Thumbnails of uploaded photos",
        docs_url=None,  # FastAPI's page loads its scripts from another site; see routes/docs.py
        redoc_url=None,
        openapi_url=None,
        routes=_routes(),
    )
    app.state.dependencies = deps
    app.state.upload_room = UploadRoom()
    app.state.sender_keys = SenderKeys(deps.fetch, now=deps.now)
    app.state.doors = Doors(ROUTERS)
    app.state.streams = places_of_streams(deps.settings)
    app.state.folder_watch = Watch(deps.queue.folder)
    app.state.page_figures = FiguresSource(deps)
    app.state.page_watch = Watch(app.state.page_figures, poll_seconds=POLL_SECONDS)
    app.state.cached_json = {"jobs": CachedJson(), "status": CachedJson()}
    describe_keys(app, needed=deps.settings.api_keys is not None)
    clients = Clients(trusted_proxies=deps.settings.trusted_proxies, behind_haproxy=behind_haproxy)
    app.state.clients = clients
    visitors = Visitors.of(deps.settings)
    app.add_middleware(OnlyKeyHolders, settings=deps.settings, doors=app.state.doors, now=deps.now)
    app.add_middleware(OnlyOwnPages, visitors=visitors, form_path=UPLOAD_PATH, event_paths=EVENT_PATHS)
    app.add_middleware(BodyLimits, settings=deps.settings, clients=clients, upload_path=UPLOAD_PATH)
    if deps.settings.allowed_origins:
        app.add_middleware(Unforeseen)
        app.add_middleware(CrossOrigin, origins=frozenset(map(bare, deps.settings.allowed_origins)))
    app.add_middleware(Protected)
    tell_errors(app)
    document_answers(app)
    document_examples(app)
    return app


@cache
def _routes() -> list[BaseRoute]:
    """Return the routes. All applications of a process share them: FastAPI takes long to make them."""
    # A body without a type is read as JSON; OnlyOwnPages refuses foreign pages.
    together = APIRouter(strict_content_type=False)
    for router in ROUTERS:
        together.include_router(router, responses={"4XX": {"model": ErrorBody}, "503": {"model": ErrorBody}})
    return together.routes


def end_streams(app: FastAPI) -> None:
    """End all streams of the application, because its process is about to end. Its event loop's thread calls it."""
    for watch in (app.state.folder_watch, app.state.page_watch):
        watch.end()
