"""Imported before them, it has NumPy and PyTorch work on one thread each.

JAX keeps its own: told to use one, it takes 2.4 times as long for microgpt, and as long for dense layers. The time of
all threads is counted.
"""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
