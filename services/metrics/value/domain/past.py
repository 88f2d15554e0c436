"""What a firm's past says of its models: everybody's outcomes by round, a sample of whole lives, and each week."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel

from services.metrics.domain.models.histories import Array
from services.metrics.domain.purchases import Purchases
from services.metrics.value.domain.buying import Buying, Model
from services.metrics.value.domain.trial import Outcomes

WEEK = 7
# Of a longer past the last so many weeks are kept, cumulated from its beginning.
MOST_WEEKS = 156


@dataclass(frozen=True, slots=True)
class Past:
    """What the back-test looks at. `rounds` are by cut: what was so before it, and what has come since.

    `sample` are purchases of people picked by chance, `again` the days (ascending) on which those who had come before
    the newest cut bought again, with how many did.
    """

    rounds: Mapping[int, tuple[Outcomes, Outcomes]]
    sample: Sequence[Purchases]
    again: tuple[Array, Array]


class Tracking(BaseModel, frozen=True):
    """Days bought again on up to the end of each week, by those who had come before the cut: actual and expected.

    Models were fitted to what was known at `cut`, and expect this of anybody who comes, whatever they did then: weeks
    that end after it were foretold.
    """

    cut: int
    week_ends: tuple[int, ...]
    actual: tuple[int, ...]
    expected: dict[Model, tuple[float, ...]]


def tracked(models: Sequence[Buying], since: Outcomes, again: tuple[Array, Array], cut: int, day: int) -> Tracking:
    """Follow everybody of the newest round from their first purchase to `day`."""
    born, place = np.unique(cut - since.age, return_inverse=True)
    comers = np.asarray(np.bincount(place, weights=since.people), dtype=np.float64)
    ends = np.arange(day, int(born[0]), -WEEK, dtype=np.float64)[::-1][-MOST_WEEKS:]
    days, many = again
    until = np.concatenate(([0.0], np.cumsum(many)))[np.searchsorted(days, ends, side="right")]
    return Tracking(
        cut=cut,
        week_ends=tuple(map(int, ends)),
        actual=tuple(map(int, until)),
        expected={each.model: _expected(each, born, comers, ends) for each in models},
    )


def _expected(buying: Buying, born: Array, comers: Array, ends: Array) -> tuple[float, ...]:
    ages, place = np.unique(np.maximum(ends[:, None] - born[None, :], 0), return_inverse=True)
    nothing = np.zeros(1)
    of_one = buying.course(nothing, nothing).cumulated(ages)[0] * buying.alive(nothing, nothing, nothing)
    return tuple(round(float(each), 2) for each in of_one[place.reshape(len(ends), len(born))] @ comers)
