"""The doors: HTTP in, one verb of the queue, a reply."""
