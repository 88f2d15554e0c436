"""What is counted, by name: a name says all that it depends on besides the day."""

from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from services.metrics.domain.calendar import PERIODS, Period, PeriodDays, last_periods
from services.metrics.domain.tallies import MOST_COHORTS, place
from services.metrics.earned.service import counting
from services.metrics.ledger.service import IDENTITY_GROUP, ORDERS_GROUP
from services.metrics.retention.domain.recurring import WITHIN_DAYS, again_within
from services.metrics.retention.repository import scans, sums
from services.metrics.retention.service.scanning import Subject
from services.metrics.satisfaction.service.taking import GROUP as SEGMENTS_GROUP
from shared.db.engine import ReadTx

BOUGHT = (ORDERS_GROUP, IDENTITY_GROUP)


async def _silences(tx: ReadTx, day: int) -> dict[str, Any]:
    ended, going = await sums.silences(tx, day)
    return {"ended": ended, "going": going}


async def _live_silences(tx: ReadTx, day: int) -> dict[str, Any]:
    ended, going = await sums.live_silences(tx, day)
    return {"ended": ended, "going": going}


async def _grouped(tx: ReadTx, day: int) -> list[tuple[int, ...]]:
    # By column: of tens of thousands of rows, which is read four times as fast.
    return list(zip(*await scans.grouped_silences(tx, day), strict=True))


async def _recurring(tx: ReadTx, day: int) -> dict[str, Any]:
    ended, going = await sums.second_orders(tx, day)
    return {"ended": ended, "going": going, "within": await sums.again_within(tx, WITHIN_DAYS, day)}


async def _live_recurring(tx: ReadTx, day: int) -> dict[str, Any]:
    ended, going = await sums.live_second_orders(tx, day)
    return {"ended": ended, "going": going, "within": again_within(ended, going, await sums.first_days(tx), day)}


def cohort_periods(period: Period, day: int) -> list[PeriodDays]:
    """The periods whose cohorts are looked at as of a day."""
    return last_periods(period, day, MOST_COHORTS[period])


async def _chains(period: Period, tx: ReadTx, day: int) -> list[list[int]]:
    periods = cohort_periods(period, day)
    places = [place for place, each in enumerate(periods) for _ in range(each.start, min(each.end, day + 1))]
    return await scans.chains(tx, day, periods[0].start, places)


async def _live_chains(period: Period, tx: ReadTx, day: int) -> list[list[int]]:
    return await sums.cohorts(tx, period, place(period, cohort_periods(period, day)[0].start))


async def _silent_then(horizon: int, tx: ReadTx, day: int) -> list[tuple[int, bool, int]]:
    return await sums.silent_then(tx, day - horizon, day)


async def _scores(tx: ReadTx, day: int) -> list[list[Any]]:
    """Without money: groups that differ in it alone are put together."""
    found = await scans.scores(tx, day)
    for row in found:
        parts: dict[tuple[int, int], list[int]] = {}
        for recency, frequency, _, *numbers in row[-1]:
            old = parts.get((recency, frequency), [0, 0, 0, 0])
            parts[recency, frequency] = [one + int(other) for one, other in zip(old, numbers, strict=True)]
        # As text, as it came: JSON knows no whole number as large as money can be.
        row[-1] = [[*key, *each[:2], str(each[2]), each[3]] for key, each in sorted(parts.items())]
    return found


SILENCES = Subject("silences", BOUGHT, _silences, _live_silences, is_walked=True)
SECOND_ORDERS = Subject("second_orders", BOUGHT, _recurring, _live_recurring, is_walked=True)
GROUPED_SILENCES = Subject("grouped_silences", BOUGHT, _grouped)
NEXT_ORDERS = Subject("next_orders", BOUGHT, scans.next_orders, sums.live_next_orders, is_walked=True)
RFM = Subject("rfm", BOUGHT, _scores, sums.scores, is_walked=True)
RFM_GROUPS = Subject("rfm_groups", BOUGHT, scans.scores)
SEGMENTS = Subject("segments", (*BOUGHT, SEGMENTS_GROUP), scans.last_purchases)
COHORTS: dict[Period, Subject] = {
    period: Subject(
        f"cohorts.{period}", BOUGHT, partial(_chains, period), partial(_live_chains, period), is_walked=True
    )
    for period in PERIODS
}
_BY_NAME = {
    each.name: each
    for each in (SILENCES, GROUPED_SILENCES, SECOND_ORDERS, NEXT_ORDERS, RFM, RFM_GROUPS, SEGMENTS, *COHORTS.values())
}


def silent_then(horizon: int) -> Subject:
    """Who had been silent so many days before, and has bought since."""
    return Subject(f"silent_then.{horizon}", BOUGHT, partial(_silent_then, horizon))


def subject_of(zone: ZoneInfo, name: str) -> Subject | None:
    """The subject of a name; None: it is of an earlier version."""
    kind, _, horizon = name.partition(".")
    if kind == counting.NAME:
        return counting.subject_named(name, zone)
    return silent_then(int(horizon)) if kind == "silent_then" else _BY_NAME.get(name)
