"""What the workers of a local Ray have imported when they start."""

# What several processes of a service import: replicas, queues, tasks, and Ray Serve's own.
OF_WORKERS = (
    "raythumbs.app",
    "raythumbs.web.api",
    "raythumbs.queue.thumbnail_queue",
    "raythumbs.worker.task",
    "ray.serve._private.controller",
    "ray.serve._private.proxy",
)
