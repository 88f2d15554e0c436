"""The cycle collector, set for a process that makes many short-lived values and hardly a cycle.

Python looks for cycles after every 700 new containers: with batches of thousands of events alive at once that took
a third of all CPU (`tests/benchmarks/bench_way.py`), to find nothing.
"""

import gc

_NEW_VALUES = 20_000
_ROUNDS = 50


def tune() -> None:
    """Look for cycles less often, and never among what was made before now. Call once, when all is open."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_VALUES, _ROUNDS, _ROUNDS)
