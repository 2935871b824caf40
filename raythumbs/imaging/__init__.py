"""Bytes to bytes: pictures in, thumbnails out. Knows neither Ray nor SQL nor network."""

from raythumbs.imaging.decode import Limits
from raythumbs.imaging.render import Rendered, RenderedSpec, enough, render

__all__ = ["Limits", "Rendered", "RenderedSpec", "enough", "render"]
