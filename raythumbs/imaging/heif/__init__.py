"""HEIC and AVIF: boxes of ISO/IEC 14496-12, which hold the items of ISO/IEC 23008-12. Both standards are cited by
their short names, ISOBMFF and HEIF.

boxes.py, fields.py, item_tables.py and meta.py read what the file says of its pictures. codings.py, needed.py and
identity.py follow it from the primary item to coded data, byte_ranges.py into the file; missing_data.py, hevc.py and
obus.py check that the data is there. geometry.py, coded_pixels.py and avif.py are about the picture's size and its
orientation.

decode.py makes a phone's HEIC small tile by tile: mosaic.py says whether a file is of that kind, sequence_set.py reads
what its decoder will make, libde265.py calls the decoder, rgb.py converts the colours.
"""
