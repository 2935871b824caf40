"""What concerns JPEG alone (ITU-T T.81).

heads.py and scan_count.py refuse attacks; kinds.py refuses what is not read. plugin.py is Pillow's reader without what
thumbnails do not need. decode.py decodes. scale.py decodes at a fraction of the size. markers.py, scans.py and
empty_scans.py take the needed part of a progressive file. scan_markers.py, missing_rows.py and more_data.py find out
whether a file ends too soon. coefficients.py predicts memory.
"""
