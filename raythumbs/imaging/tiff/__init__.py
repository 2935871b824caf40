"""TIFF: what Pillow reads wrongly is read here, and what is not read at all is refused in words.

Pillow 13 shows some TIFFs wrongly without an error: uncompressed separate planes of 16 bits, grey of 12 bits, colour
maps of 8 bits, files with more or fewer strips than their rows need. `layout` reads the tags, and `reader` decides who
reads the pixels.
"""
