"""What a watch looks at: of each local day how many had which value, in strata that are at unlike risk."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WEEK = 7


@dataclass(frozen=True, slots=True)
class Series:
    """Counts by day, stratum and value, from the day `first` on, which is a Monday; to the last whole day.

    `values` are in the figure's unit. Counts are of answers or customers; fractions, where answers have weights.
    `takers`: where a day's counts are of what few unlike ones took along, as revenue is, how many took it; None: each
    counts for itself.
    """

    first: int
    values: Sequence[float]
    counts: Floats
    takers: Floats | None = None

    @property
    def last(self) -> int:
        """The last day."""
        return self.first + len(self.counts) - 1

    @property
    def beginning(self) -> int:
        """The first day with anything on it; without any the day after the last."""
        days = np.flatnonzero(self.numbers())
        return self.first + (int(days[0]) if len(days) else len(self.counts))

    def digest(self) -> bytes:
        """The same for the same counts, whatever order they came in."""
        head = f"{self.first}:{self.counts.shape}:{tuple(self.values)}".encode()
        found = sha256(head + np.ascontiguousarray(self.counts).tobytes())
        if self.takers is not None:
            found.update(self.takers.tobytes())
        return found.digest()

    def numbers(self) -> Floats:
        """How many each day."""
        found: Floats = self.counts.sum(axis=(1, 2))
        return found

    def totals(self) -> Floats:
        """The sum of their values each day."""
        found: Floats = self.counts.sum(axis=1) @ np.asarray(self.values)
        return found
