"""What concerns JPEG alone (ITU-T T.81).

heads.py and scan_count.py refuse attacks. scale.py decodes at a fraction of the size. markers.py, scans.py and
empty_scans.py take the needed part of a progressive file. missing_pixels.py and more_data.py find out whether a file
ends too soon. coefficients.py predicts memory.
"""
