"""The command line."""

from raythumbs.cli.cli import app, main

__all__ = ["app", "main"]
