"""What concerns PNG alone (PNG 3rd edition): decode.py decodes, with data.py and clear_colour.py where Pillow errs."""
