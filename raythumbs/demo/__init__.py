"""The demo: the whole service beside the old way, on this machine."""
