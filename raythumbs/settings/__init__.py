"""Every knob, with its unit, default and check. Read once, at start, and handed down."""

from raythumbs.settings.settings import ORIGINALS, Settings, load_settings, without_password

__all__ = ["ORIGINALS", "Settings", "load_settings", "without_password"]
