"""Single people as models see them: one row each, by what they bought up to a day."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from services.metrics.domain.models.histories import Array
from services.metrics.domain.purchases import History


class People(NamedTuple):
    """How often they bought again, when last and for how long, in days, and what they spent again in minor units."""

    repeats: Array
    recency: Array
    age: Array
    again_minor: Array

    @classmethod
    def of(cls, histories: Sequence[tuple[History, int]], day: int) -> "People":
        """As of the end of a day."""
        return cls(
            np.array([float(each.repeats) for each, _ in histories]),
            np.array([float(each.last_day - each.first_day) for each, _ in histories]),
            np.array([float(day - each.first_day) for each, _ in histories]),
            np.array([float(again) for _, again in histories]),
        )

    @property
    def means(self) -> Array:
        """What each spent on a day of buying again; 0 for who never did."""
        return np.divide(self.again_minor, self.repeats, out=np.zeros_like(self.repeats), where=self.repeats > 0)
