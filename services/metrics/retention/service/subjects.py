"""What is counted, by name: a name says all that it depends on besides the day."""

from functools import partial
from typing import Any

from services.metrics.domain.calendar import PERIODS, Period, PeriodDays, last_periods
from services.metrics.ledger.service import IDENTITY_GROUP, ORDERS_GROUP
from services.metrics.retention.domain.recurring import WITHIN_DAYS
from services.metrics.retention.repository import scans, sums
from services.metrics.retention.service.scanning import Subject
from services.metrics.satisfaction.service.taking import GROUP as SEGMENTS_GROUP
from shared.db.engine import ReadTx

_BOUGHT = (ORDERS_GROUP, IDENTITY_GROUP)
# So many cohorts are looked at: three months of days, three years of weeks, ten years of months.
MOST_COHORTS: dict[Period, int] = {"day": 92, "week": 156, "month": 120}


async def _silences(tx: ReadTx, day: int) -> dict[str, Any]:
    ended, going = await sums.silences(tx, day)
    return {"ended": ended, "going": going}


async def _grouped(tx: ReadTx, day: int) -> list[tuple[int, ...]]:
    # By column: of tens of thousands of rows, which is read four times as fast.
    return list(zip(*await scans.grouped_silences(tx, day), strict=True))


async def _recurring(tx: ReadTx, day: int) -> dict[str, Any]:
    ended, going = await sums.second_orders(tx, day)
    return {"ended": ended, "going": going, "within": await sums.again_within(tx, WITHIN_DAYS, day)}


def cohort_periods(period: Period, day: int) -> list[PeriodDays]:
    """The periods whose cohorts are looked at as of a day."""
    return last_periods(period, day, MOST_COHORTS[period])


async def _chains(period: Period, tx: ReadTx, day: int) -> list[list[int]]:
    periods = cohort_periods(period, day)
    places = [place for place, each in enumerate(periods) for _ in range(each.start, min(each.end, day + 1))]
    return await scans.chains(tx, day, periods[0].start, places)


async def _silent_then(horizon: int, tx: ReadTx, day: int) -> list[tuple[int, bool, int]]:
    return await sums.silent_then(tx, day - horizon, day)


SILENCES = Subject("silences", _BOUGHT, _silences)
SECOND_ORDERS = Subject("second_orders", _BOUGHT, _recurring)
GROUPED_SILENCES = Subject("grouped_silences", _BOUGHT, _grouped)
NEXT_ORDERS = Subject("next_orders", _BOUGHT, scans.next_orders)
RFM = Subject("rfm", _BOUGHT, scans.scores)
SEGMENTS = Subject("segments", (*_BOUGHT, SEGMENTS_GROUP), scans.last_purchases)
COHORTS: dict[Period, Subject] = {
    period: Subject(f"cohorts.{period}", _BOUGHT, partial(_chains, period)) for period in PERIODS
}
_BY_NAME = {
    each.name: each
    for each in (SILENCES, GROUPED_SILENCES, SECOND_ORDERS, NEXT_ORDERS, RFM, SEGMENTS, *COHORTS.values())
}


def silent_then(horizon: int) -> Subject:
    """Who had been silent so many days before, and has bought since."""
    return Subject(f"silent_then.{horizon}", _BOUGHT, partial(_silent_then, horizon))


def subject_of(name: str) -> Subject | None:
    """The subject of a name; None: it is of an earlier version."""
    kind, _, horizon = name.partition(".")
    return silent_then(int(horizon)) if kind == "silent_then" else _BY_NAME.get(name)
