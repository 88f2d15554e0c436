"""When a change began, and how sure that is."""

from typing import NamedTuple

import numpy as np

from services.metrics.alarms.domain.path import Episode
from services.metrics.alarms.domain.series import Series

LEVEL = 0.95
# A change that was found on a day is looked for so far back.
_BACK_DAYS = 182


class Onset(NamedTuple):
    """The first day of a change, and the first and last day it may have been, at 95 %."""

    day: int
    first: int
    last: int


def onset(series: Series, episode: Episode) -> Onset:
    """The day after the CUSUM was last at zero, which is where the likelihood is greatest, and its interval.

    All days being as likely before anything was seen, the probability of each is as the likelihood of a change on it;
    the interval is of the most likely days that make 95 % together. It takes the change to be of the size looked for:
    where it is larger, the interval holds the day more often than it says.
    """
    first = max(series.first, episode.change - _BACK_DAYS)
    scores = episode.scoring.score(series, first, episode.raised)
    # Of a change on a day all scores from that day on speak.
    speaks = np.cumsum(scores[::-1])[::-1]
    chances = np.exp(speaks - speaks.max())
    order = np.argsort(-chances, kind="stable")
    reach = int(np.searchsorted(np.cumsum(chances[order]), LEVEL * chances.sum())) + 1
    within = order[:reach]
    return Onset(
        episode.change, min(episode.change, first + int(within.min())), max(episode.change, first + int(within.max()))
    )
