"""The life of a Ray: what it is started with, where it lives, its nodes, its end."""
