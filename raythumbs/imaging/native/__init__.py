"""Decoders made for thumbnails, in C: they pass over what a small picture does not need.

compiler.py builds them as one library, and build.py has hatchling call it when raythumbs is installed. library.py loads
it, and memory.py lets it write into Pillow's pictures. Without the library, Pillow decodes: the answers are the same,
and take about twice the CPU time.

The C sources of a format are in a folder of its name; its decode.c tells how they fit together. Python's side of them
is jpeg/native.py and png/native.py. placeholder.c is for ThumbHashes.
"""
