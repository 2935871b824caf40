"""Forms for uploads from browsers: straight to the bucket, whose event then makes the job."""

import asyncio
from datetime import UTC, datetime
from secrets import token_urlsafe
from urllib.parse import urlencode

from fastapi import APIRouter

from raythumbs.errors import BadRequest, BodyTooLarge, Unstorable
from raythumbs.model.folder import browser_upload_key
from raythumbs.model.photo_format import photo_types
from raythumbs.model.source import KEY_BYTES, Source
from raythumbs.model.upload_form import UploadTerms
from raythumbs.settings import BROWSER_UPLOADS
from raythumbs.web.dependencies import Dependencies, Deps
from raythumbs.web.folder_bodies import UploadFormBody, UploadFormRequest
from raythumbs.web.routes.photos_in import UPLOAD_PATH

router = APIRouter(tags=["photos in"])

_TOKEN_BYTES = 32
_UNNAMED = "application/octet-stream"  # which browsers never show as a page
_TYPES = photo_types()


@router.post("/api/uploads/presigned")
async def upload_form(body: UploadFormRequest, deps: Deps) -> UploadFormBody:
    """Return a form with which a browser uploads one photo straight to the bucket. Without a bucket, the form leads to
    the direct upload."""
    content_type = _checked(body, deps)
    await deps.queue.admit()
    if deps.sign_upload is None:
        return _form_of_direct_upload(body, deps)
    key = BROWSER_UPLOADS + browser_upload_key(body.folder_id, token_urlsafe(_TOKEN_BYTES))
    source = _allowed(key, deps)
    terms = UploadTerms(
        key=key,
        content_type=content_type,
        max_bytes=body.size_bytes or deps.settings.max_photo_bytes,
        seconds=deps.settings.upload_form_seconds,
    )
    form = await asyncio.to_thread(deps.sign_upload, terms)  # it may have to renew credentials
    return UploadFormBody(
        url=form.url,
        fields=dict(form.fields),
        source=source,
        max_bytes=terms.max_bytes,
        expires_at=datetime.fromtimestamp(deps.now() + terms.seconds, UTC),
    )


def _form_of_direct_upload(asked: UploadFormRequest, deps: Dependencies) -> UploadFormBody:
    """Return a form that leads to this service. If there are API keys, its address is a signed link."""
    max_bytes = asked.size_bytes or deps.settings.max_photo_bytes
    terms = [("folderId", asked.folder_id)] if asked.folder_id else []
    terms.append(("maxBytes", str(max_bytes)))
    expires = int(deps.now()) + deps.settings.upload_form_seconds if deps.links else None
    query = deps.links.query(UPLOAD_PATH, terms, expires=expires) if deps.links and expires else urlencode(terms)
    return UploadFormBody(
        url=f"{deps.settings.base_url}{UPLOAD_PATH}?{query}",
        fields={},
        source=None,
        max_bytes=max_bytes,
        expires_at=datetime.fromtimestamp(expires, UTC) if expires else None,
    )


def _checked(asked: UploadFormRequest, deps: Dependencies) -> str:
    """Return the content type that the upload will have. Browsers know none for some photos."""
    if asked.size_bytes and asked.size_bytes > deps.settings.max_photo_bytes:
        raise BodyTooLarge(f"a photo has at most {deps.settings.max_photo_bytes} bytes")
    kind = asked.content_type.partition(";")[0].strip().lower() or _UNNAMED
    if kind not in _TYPES | {_UNNAMED}:
        raise BadRequest(f"{kind!a} is not the type of a photo: {', '.join(sorted(_TYPES))}, or none")
    return kind


def _allowed(key: str, deps: Dependencies) -> str:
    """Return the address of an upload. Raise SourceNotAllowed if its event would be ignored."""
    address = deps.settings.store_uri + key
    if len(address.partition("://")[2].partition("/")[2].encode()) > KEY_BYTES:
        raise Unstorable("the folder's id is too long for a key of the bucket")
    return str(deps.policy.check(Source.parse(address)))
