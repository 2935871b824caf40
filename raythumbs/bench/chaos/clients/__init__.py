"""Slow and hostile clients, and what good clients notice of them."""
