"""Bytes to bytes: pictures in, thumbnails out. Knows neither Ray nor SQL nor network.

Use these names in your own programs. They stay; the modules below them may move.

    from raythumbs.imaging import Fit, Format, Limits, RenditionSpec, render

    specs = [RenditionSpec(width=300, height=300), RenditionSpec(name="square", fit=Fit.COVER, format=Format.WEBP)]
    made = render(open("photo.jpg", "rb"), specs, Limits())
    open("thumbnail.jpg", "wb").write(made.renditions[0].data)

`render` decodes in this process, so a photo that crashes a decoder crashes the process too.
`raythumbs.imaging.sandbox.Sandbox` decodes in a child process.
"""

from raythumbs.errors import BadPicture
from raythumbs.imaging.limits import Limits
from raythumbs.imaging.render import Rendered, RenderedSpec, render
from raythumbs.model.photo import Fit, Format, RenditionSpec

__all__ = [
    "BadPicture",
    "Fit",
    "Format",
    "Limits",
    "Rendered",
    "RenderedSpec",
    "RenditionSpec",
    "render",
]
