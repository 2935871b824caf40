"""raythumbs: thumbnails of uploaded photos as fast as the cores allow, on one machine or a Ray cluster."""

from importlib import import_module

# `__init__.pyi` has the types of these names.

__version__ = "0.2.0"
__all__ = ["AsyncClient", "Client", "Refused", "Retries", "StillWaiting", "Unreachable", "__version__"]


def __getattr__(name: str) -> object:
    """Import the client when it is first used: every command imports this package, and few of them need it."""
    if name in __all__:
        return getattr(import_module("raythumbs.client"), name)
    raise AttributeError(f"module 'raythumbs' has no attribute {name!r}")
