"""Rows of PNGs as they are before they are packed."""

import numpy as np


def filtered_rows(chance: np.random.Generator, bits: int, rows: int) -> bytes:
    """Return rows of so many bits each, with all filters: stretches of one filter, noise, and smooth parts."""
    filters = np.repeat(chance.integers(0, 5, rows), chance.integers(1, 9, rows))[:rows]
    data = chance.integers(0, 256, (rows, -(-bits // 8))) >> chance.choice([0, 6], (rows, 1))
    return np.hstack([filters[:, None], data]).astype(np.uint8).tobytes()
