"""What Pillow's reader of BMP lacks: bit fields of any layout (fields.py), and run lengths as they are meant (rle.py).

plugin.py is Pillow's reader with these.
"""
