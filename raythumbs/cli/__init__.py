"""The command line: a file for each group of commands."""

from raythumbs.cli.main import app

__all__ = ["app"]
