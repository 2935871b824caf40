"""The routes, a file for each topic. Each parses the request, calls one verb of the queue, and shapes the reply."""

from raythumbs.web.routes import (
    backfills,
    bulk,
    by_source,
    docs,
    export,
    folders,
    found_photos,
    handshake,
    jobs,
    links,
    notifications,
    photos,
    photos_in,
    quarantine,
    queue,
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
    bulk.router,
    queue.router,
    found_photos.router,
    by_source.router,  # before the thumbnails by path
    photos.router,
    links.router,
    folders.router,
    quarantine.router,
    service.router,
    export.router,
    backfills.router,
    webhooks.router,
    docs.router,
)
