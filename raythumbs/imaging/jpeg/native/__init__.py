"""A JPEG decoder made for thumbnails, in C: it passes over the coefficients that a small picture does not need.

decoder.py is what Python sees. The C sources begin with decode.c, which tells how they fit together. compiler.py builds
the library, and build.py has hatchling call it when raythumbs is installed. Without the library, Pillow decodes all
JPEGs: the answers are the same, at about twice the CPU time.
"""
