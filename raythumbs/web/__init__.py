"""The HTTP API. Each route parses a request, calls one verb of the queue, and shapes the reply."""
