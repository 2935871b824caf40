"""The manual, to read in a browser without the internet."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from raythumbs.web.page.files import file_reply
from raythumbs.web.page.manual import POLICY, manual_page

router = APIRouter(tags=["page"], include_in_schema=False)


@router.head("/manual", response_class=HTMLResponse)
@router.get("/manual", response_class=HTMLResponse)
async def contents(request: Request) -> Response:
    """Show the contents of the manual."""
    return file_reply(manual_page(None), request, policy=POLICY)


@router.head("/manual/{page}", response_class=HTMLResponse)
@router.get("/manual/{page}", response_class=HTMLResponse)
async def manual(page: str, request: Request) -> Response:
    """Show a page of the manual."""
    return file_reply(manual_page(page), request, policy=POLICY)
