"""Room for numpy in a process whose memory is limited."""

import resource
import sys

NUMPY_BYTES = 48 << 20  # 32 MiB of it are reserved by numpy's library (OpenBLAS) and never used


def make_room_for_numpy() -> None:
    """Raise this process's limit of memory by what numpy takes, if it is not imported yet and the hard limit allows it.

    A photo's share of memory then stays what it was.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if "numpy" not in sys.modules and soft != resource.RLIM_INFINITY:
        most = soft + NUMPY_BYTES
        raised = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (raised, hard))
