"""Notifications: senders report what happened in a bucket. Each route is the address of one kind of sender."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request

from raythumbs.errors import Unauthorised
from raythumbs.notifications import azure, b2, cloudevents, gcs, google_token, r2, s3, sns
from raythumbs.notifications.azure import Validation
from raythumbs.notifications.event import Notification
from raythumbs.notifications.sns import Confirmation
from raythumbs.settings import Settings
from raythumbs.web.bodies import NotifiedBody, ValidatedBody
from raythumbs.web.dependencies import Dependencies, Deps
from raythumbs.web.documented import refusals
from raythumbs.web.notified import has_key, is_proven, secret_of, take_in
from raythumbs.web.sender_keys import Keys, SenderKeys
from raythumbs.web.subscription import confirm, leave_unconfirmed

EVENT_PATHS = "/api/notifications/"
_ANY_OBJECT = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
}  # fmt: skip
_ANY_OBJECT_OR_LIST = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": ["object", "array"]}}}}
}  # fmt: skip

_ANSWERS: dict[str, Any] = {"response_model_exclude_defaults": True, "responses": refusals(HTTPStatus.UNAUTHORIZED)}

router = APIRouter(tags=["photos in"])


@router.post("/api/notifications/s3", openapi_extra=_ANY_OBJECT_OR_LIST, **_ANSWERS)
async def notified_by_s3(request: Request, deps: Deps, keys: Keys) -> NotifiedBody:
    """Receive event notifications of Amazon S3 (by SNS, SQS or EventBridge), MinIO or a compatible store."""
    found = await _read_s3(request, deps, keys)
    if isinstance(found, Notification):
        return await take_in(found, request, deps)
    if _is_known(found, request, deps):
        await confirm(found)
    else:
        leave_unconfirmed(found)
    return NotifiedBody(accepted=0, removed=0, ignored=1)


def _is_known(asked: Confirmation, request: Request, deps: Dependencies) -> bool:
    """Return whether a topic may send here: if topics are set, it is one of them; otherwise, its sender is proven."""
    topics = deps.settings.sns_topics
    return asked.topic in topics if topics else is_proven(request, deps)


async def _read_s3(request: Request, deps: Dependencies, keys: SenderKeys) -> Notification | Confirmation:
    """Return what a proven sender says. With topics, a message of SNS proves itself by its signature alone."""
    body, settings = await request.body(), deps.settings
    if has_key(request):
        return s3.read_genuine(body)
    message = sns.message_of(body) if settings.sns_topics else None
    if message is None:
        token = secret_of(settings.notification_token, deps, name="RAYTHUMBS_NOTIFICATION_TOKEN")
        return s3.read(body, request.headers, token=token)
    policy = sns.SnsPolicy(topics=frozenset(settings.sns_topics), versions=frozenset(settings.sns_signature_versions))
    url = sns.certificate_url(message, policy, now=deps.now())
    return s3.read_signed(sns.verify(message, await keys.sns.at(url), now=deps.now()))


@router.post("/api/notifications/b2", openapi_extra=_ANY_OBJECT, **_ANSWERS)
async def notified_by_b2(request: Request, deps: Deps) -> NotifiedBody:
    """Receive event notifications of Backblaze B2."""
    body = await request.body()
    if has_key(request):
        return await take_in(b2.read_genuine(body), request, deps)
    secret = secret_of(deps.settings.b2_signing_secret, deps, name="RAYTHUMBS_B2_SIGNING_SECRET")
    return await take_in(b2.read(body, request.headers, secret=secret), request, deps)


@router.post("/api/notifications/r2", openapi_extra=_ANY_OBJECT_OR_LIST, **_ANSWERS)
async def notified_by_r2(request: Request, deps: Deps) -> NotifiedBody:
    """Receive event notifications of Cloudflare R2, forwarded by a Worker."""
    body = await request.body()
    if has_key(request):
        return await take_in(r2.read_genuine(body), request, deps)
    secret = secret_of(deps.settings.r2_signing_secret, deps, name="RAYTHUMBS_R2_SIGNING_SECRET")
    return await take_in(r2.read(body, request.headers, secret=secret, now=deps.now()), request, deps)


@router.post("/api/notifications/gcs", openapi_extra=_ANY_OBJECT, **_ANSWERS)
async def notified_by_gcs(request: Request, deps: Deps, keys: Keys) -> NotifiedBody:
    """Receive notifications of Google Cloud Storage, which Pub/Sub pushes."""
    if not has_key(request):
        await _verify_google(request, deps, keys)
    return await take_in(gcs.read_genuine(await request.body()), request, deps)


async def _verify_google(request: Request, deps: Dependencies, keys: SenderKeys) -> None:
    subscription = _subscription(deps.settings)
    token = google_token.token_of(request.headers.get("authorization", ""))
    key = await keys.google.key(google_token.key_id(token))
    google_token.verify(token, key, subscription, now=deps.now())


def _subscription(settings: Settings) -> google_token.Subscription:
    audience, account = settings.gcs_audience, settings.gcs_service_account
    if audience is None or account is None:
        raise Unauthorised("set RAYTHUMBS_GCS_AUDIENCE and RAYTHUMBS_GCS_SERVICE_ACCOUNT to take pushes of Pub/Sub")
    return google_token.Subscription(audience=audience, service_account=account)


@router.post("/api/notifications/azure", openapi_extra=_ANY_OBJECT_OR_LIST, **_ANSWERS)
async def notified_by_azure(request: Request, deps: Deps) -> NotifiedBody | ValidatedBody:
    """Receive events of Azure Blob Storage, which Event Grid sends."""
    found = await _read_azure(request, deps)
    if isinstance(found, Validation):
        return ValidatedBody(validation_response=found.code)
    return await take_in(found, request, deps)


async def _read_azure(request: Request, deps: Dependencies) -> Notification | Validation:
    body = await request.body()
    if has_key(request):
        return azure.read_genuine(body)
    secret = secret_of(deps.settings.azure_secret, deps, name="RAYTHUMBS_AZURE_SECRET")
    given = request.query_params.get("secret", "")
    return azure.read(body, request.headers, given_secret=given, secret=secret)


@router.post("/api/notifications/cloudevents", openapi_extra=_ANY_OBJECT_OR_LIST, **_ANSWERS)
async def notified_by_cloudevents(request: Request, deps: Deps) -> NotifiedBody:
    """Receive events of buckets as CloudEvents 1.0."""
    body = await request.body()
    if has_key(request):
        return await take_in(cloudevents.read_genuine(body, request.headers), request, deps)
    token = secret_of(deps.settings.notification_token, deps, name="RAYTHUMBS_NOTIFICATION_TOKEN")
    return await take_in(cloudevents.read(body, request.headers, token=token), request, deps)
