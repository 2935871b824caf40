"""The routes, a file for each topic. Each parses the request, calls one verb of the queue, and shapes the reply."""

from raythumbs.web.routes import (
    by_source,
    folders,
    found_photos,
    jobs,
    notifications,
    photos,
    photos_in,
    service,
    upload_forms,
)

ROUTERS = (
    photos_in.router,
    upload_forms.router,
    notifications.router,
    jobs.router,
    found_photos.router,
    by_source.router,  # before the thumbnails by path
    photos.router,
    folders.router,
    service.router,
)
