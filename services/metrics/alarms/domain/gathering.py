"""Days as a watch sees them: closed ones alone, in whole weeks from a Monday on."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from services.metrics.alarms.domain.measuring import LAPSED, LOST_SUBSCRIBERS, VALUES, counts_of
from services.metrics.alarms.domain.mornings import Morning
from services.metrics.alarms.domain.series import WEEK, Series
from services.metrics.domain.calendar import period_start
from services.metrics.satisfaction.domain.measures import Measure
from services.metrics.satisfaction.domain.scores import Scores, too_few

# How long a path is, and how much before it is read besides the base: what was raised is no base.
PATH_WEEKS: Final = 57
_SPARE_WEEKS: Final = 16
# Alarms of the first weeks of a path are as they were said last: where it begins may change what is found there.
FIRM_WEEKS: Final = 13


def first_day(last: int, base_weeks: int) -> int:
    """Where a series begins that ends on this day."""
    return path_start(last) - WEEK * (base_weeks + _SPARE_WEEKS)


def path_start(last: int) -> int:
    """Where the path begins that ends on this day."""
    return period_start("week", last) - WEEK * PATH_WEEKS


def lapses(
    first: int, last: int, everybody: Mapping[int, tuple[int, int]], once: Mapping[int, tuple[int, int]]
) -> Series:
    """Who reached the window and who had come back before, apart for those who had ordered once and all others."""
    values = VALUES[LAPSED.kind]
    counts = np.zeros((last + 1 - first, 2, len(values)))
    for day, (at_risk, lapsed) in everybody.items():
        single, gone = once.get(day, (0, 0))
        counts[day - first] = (
            (single - gone, gone),
            (at_risk - single - (lapsed - gone), lapsed - gone),
        )
    return Series(first, values, counts)


def answers(measure: Measure, first: int, last: int, days: Mapping[int, Scores]) -> Series:
    """What was answered each day.

    What fewer than five answered anonymously on a day is counted on the next one, with what was answered there: so no
    path tells what one of them said.
    """
    values = VALUES[measure.kind]
    counts = np.zeros((last + 1 - first, 1, len(values)))
    anonymous = 0
    held = np.zeros(len(values))
    for day in range(first, last + 1):
        if (scores := days.get(day)) is not None:
            anonymous += scores.anonymous
            held += counts_of(measure, scores)
        if not too_few({"": anonymous}, parts_of_a_whole=False):
            counts[day - first, 0] = held
            anonymous, held = 0, np.zeros(len(values))
    return Series(first, values, counts)


def losses(first: int, last: int, mornings: Mapping[int, Morning], *, is_compound: bool = False) -> Series:
    """Who, or what, was there in the morning and gone in the evening: of each day a share of so many subscribers.

    Of revenue (`is_compound`) a day counts as many as bring it, whatever each of them brings, and how many took it
    along: prices that are unlike make days vary more, and reach farther up than down.
    """
    values = VALUES[LOST_SUBSCRIBERS.kind]
    counts = np.zeros((last + 1 - first, 1, len(values)))
    takers = np.zeros(len(counts))
    for day, (people, whole, lost, number) in mornings.items():
        if people > 0 and whole > 0:
            gone = people * min(1.0, max(0.0, lost / whole))
            counts[day - first, 0] = (people - gone, gone)
            takers[day - first] = number
    return Series(first, values, counts, takers if is_compound else None)
