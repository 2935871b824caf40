"""Every setting, with its unit, default and check; a file for each topic. Settings are read once, at the start."""

from raythumbs.settings.load import load_settings
from raythumbs.settings.record import without_password
from raythumbs.settings.settings import Settings
from raythumbs.settings.stores import BROWSER_UPLOADS, ORIGINALS

__all__ = ["BROWSER_UPLOADS", "ORIGINALS", "Settings", "load_settings", "without_password"]
