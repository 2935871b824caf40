"""The routes, a file for each topic. Each parses the request, calls one verb of the queue, and shapes the reply."""

from raythumbs.web.routes import (
    backfills,
    by_source,
    docs,
    export,
    folders,
    found_photos,
    handshake,
    jobs,
    notifications,
    photos,
    photos_in,
    quarantine,
    service,
    upload_forms,
    webhooks,
)

ROUTERS = (
    photos_in.router,
    upload_forms.router,
    notifications.router,
    handshake.router,
    jobs.router,
    found_photos.router,
    by_source.router,  # before the thumbnails by path
    photos.router,
    folders.router,
    quarantine.router,
    service.router,
    export.router,
    backfills.router,
    webhooks.router,
    docs.router,
)
