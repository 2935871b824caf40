"""raythumbs: thumbnails of uploaded photos as fast as the cores allow, on one machine or a Ray cluster."""

__version__ = "0.2.0"
