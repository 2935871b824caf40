"""The routes, a file for each topic. Each parses the request, calls one verb of the queue, and shapes the reply."""

from raythumbs.web.routes import jobs, notifications, photos, photos_in, service, webhooks

ROUTERS = (photos_in.router, notifications.router, jobs.router, photos.router, service.router, webhooks.router)
