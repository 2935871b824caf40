"""Imported for its effect: this process does without pandas. Each worker of a local Ray imports it, see environment.py.

Ray Serve imports pandas wherever it is installed, for answers that are data frames, of which raythumbs has none. That
took 0.5 s of CPU and 66 MiB in each of five processes.
"""

import sys

# From now on `import pandas` raises ImportError, as it does where pandas is not installed.
sys.modules.setdefault("pandas", None)  # type: ignore[arg-type]
