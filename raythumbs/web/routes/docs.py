"""The description of the API, for programs and as a page. The page's files come from the package alone, so it works
without the internet, and under a policy that lets no other script run."""

from importlib.resources import files
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>raythumbs</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" href="data:,">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START = """\
SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#swagger-ui",
    deepLinking: true,
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
});
"""
_FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
_FOLDER = files("fastapi_offline") / "static"

router = APIRouter(tags=["service"], include_in_schema=False)


@router.head("/openapi.json")
@router.get("/openapi.json")
async def description(request: Request) -> JSONResponse:
    """Return the description of the API."""
    return JSONResponse(request.app.openapi())


@router.head("/docs", response_class=HTMLResponse)
@router.get("/docs", response_class=HTMLResponse)
async def page() -> HTMLResponse:
    """Show the description of the API as a page."""
    return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _POLICY})


@router.get("/docs/{file}")
async def page_file(file: Literal["swagger-ui-bundle.js", "swagger-ui.css", "start.js"]) -> Response:
    """Return a file of that page."""
    if file == "start.js":
        return Response(_START, media_type="text/javascript")
    return Response((_FOLDER / file).read_bytes(), media_type=_FILES[file])
