"""The sweeper: waits for the end of the process that started it, and then clears that process's folder.

Ray's own processes notice that their parent was killed after up to a minute, or not at all.
"""

import os
import sys
from pathlib import Path

_STDIN = 0


def main() -> None:
    """Read standard input to its end, which comes with the parent's; then end what lives in the folder."""
    while os.read(_STDIN, 1):
        pass
    from raythumbs.cluster.folder import end_all_in  # only now: until then it should weigh next to nothing

    end_all_in(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
