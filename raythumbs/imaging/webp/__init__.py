"""Decodes large WebPs at a smaller size, with the libwebp that Pillow brings."""
