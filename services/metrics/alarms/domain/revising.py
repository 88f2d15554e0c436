"""What a new look at all days changes in what was said: late facts move alarms, and may take them back.

An alarm of the new path is the one that was known if their days overlap. A known one that stands, and is in the new
path no more, is only taken back if the CUSUM came nowhere near the threshold since, or is back at zero: late facts that
come one by one must not withdraw an alarm and raise it again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from services.metrics.alarms.domain.path import Step
from services.metrics.alarms.domain.watch import Dates, State

What = Literal["raised", "found", "cleared", "reopened", "moved", "withdrawn"]

# As long as so much of the threshold is reached, a raised alarm stands.
STANDS_AT: Final = 0.75
_EVER: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Known:
    """An alarm as it was last said."""

    id: UUID
    state: State
    dates: Dates


@dataclass(frozen=True, slots=True)
class Change:
    """What to say now. `known` None: it is new; `dates` None: it is taken back.

    `found` is a new alarm that was over before it was seen, which nobody need be told.
    """

    what: What
    known: Known | None
    dates: Dates | None


def changes(known: Sequence[Known], found: Sequence[Dates], steps: Sequence[Step]) -> Iterator[Change]:
    """What is new, moved or gone, of one direction of a watch; all in order of their days. `steps` are the new path."""
    left = [each for each in known if each.state != "withdrawn"]
    for dates in found:
        # Of two that turn out to be one, who was told of the one that stands need hear nothing.
        same = min((each for each in left if _overlap(each.dates, dates)), key=_is_over, default=None)
        if same is None:
            yield Change("raised" if dates.cleared is None else "found", None, dates)
            continue
        left.remove(same)
        what = _what(same.dates, dates)
        if dates != same.dates and (what != "reopened" or _came_near(same.dates.cleared, steps)):
            yield Change(what, same, dates)
    for gone in left:
        if gone.state != "raised" or not _stands(gone.dates.change, steps):
            yield Change("withdrawn", gone, None)


def _stands(change: int, steps: Sequence[Step]) -> bool:
    """Whether enough of the threshold was reached since the change, and the CUSUM is not back at zero."""
    return bool(steps and steps[-1].statistic) and _came_near(change, steps)


def _came_near(since: int | None, steps: Sequence[Step]) -> bool:
    """Whether enough of the threshold was reached on one of the days from this one on."""
    return any(
        each.statistic is not None and each.threshold is not None and each.statistic >= STANDS_AT * each.threshold
        for each in steps
        if since is None or each.day >= since
    )


def _overlap(one: Dates, other: Dates) -> bool:
    return one.change <= _end(other) and other.change <= _end(one)


def _is_over(known: Known) -> bool:
    return known.state != "raised"


def _end(dates: Dates) -> int:
    return _EVER if dates.cleared is None else dates.cleared


def _what(before: Dates, now: Dates) -> What:
    if before.cleared is None and now.cleared is not None:
        return "cleared"
    if before.cleared is not None and now.cleared is None:
        return "reopened"
    return "moved"
