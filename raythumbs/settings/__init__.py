"""Every setting, with its unit, default and check; a file a topic. They are read once, at start, and handed down."""

from raythumbs.settings.load import load_settings
from raythumbs.settings.record import without_password
from raythumbs.settings.settings import Settings
from raythumbs.settings.stores import ORIGINALS

__all__ = ["ORIGINALS", "Settings", "load_settings", "without_password"]
