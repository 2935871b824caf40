"""The routes, a file for each topic. Each parses the request, calls one verb of the queue, and shapes the reply."""

from raythumbs.web.routes import docs, handshake, jobs, notifications, photos, photos_in, quarantine, service, webhooks

ROUTERS = (
    photos_in.router,
    notifications.router,
    handshake.router,
    jobs.router,
    photos.router,
    quarantine.router,
    service.router,
    webhooks.router,
    docs.router,
)
