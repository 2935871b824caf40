"""S3's sequencer, which tells the order of an object's events."""

import re

_LETTERS = 40


def sequence_of(sequencer: str) -> str | None:
    """Return what sorts as the sequencer does, which is a hexadecimal number ("left-pad", says Amazon's user guide)."""
    if not re.fullmatch(rf"[0-9A-Fa-f]{{1,{_LETTERS}}}", sequencer):
        return None
    return f"s3:{sequencer.lower():0>{_LETTERS}}"
