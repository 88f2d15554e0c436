"""Reports over HTTP: what the firm owes in points, by group, and the revenue that waits for them."""

import csv
import io
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from services.loyalty.api import Loyalty, Reader, Writer
from services.loyalty.programs.domain.terms import Name
from services.loyalty.programs.errors import UnknownWallet
from services.loyalty.reports.domain.breakage import Rate
from services.loyalty.reports.domain.grouping import By
from services.loyalty.reports.errors import MonthClosed, MonthNotOver
from services.loyalty.reports.schemas import (
    BreakageOut,
    EstimateIn,
    EstimateOut,
    EstimatesOut,
    GroupOut,
    GroupsOut,
    Month,
    RateOut,
    RevenueOut,
    first_day,
)
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.problems import problems
from shared.money import to_decimal_string

router = APIRouter(prefix="/v1/loyalty/reports", tags=["loyalty"])

_CSV: dict[int | str, dict[str, Any]] = {
    200: {"description": "The table.", "content": {"text/csv": {"schema": {"type": "string"}}}}
}
MonthQuery = Annotated[Month | None, Query(description="As 2026-11; none: the one that is.")]


@router.get("/outstanding")
async def outstanding(
    _: Reader,
    loyalty: Loyalty,
    by: Annotated[By, Query(description="Month of the end, kind of source, earning rule, or tier.")] = "month",
    track: Annotated[str, Query(max_length=64, description="Of which the tiers are.")] = "main",
) -> GroupsOut:
    """Report what members have, in groups."""
    as_of, lines = await loyalty.reports.outstanding(by, track)
    return GroupsOut(as_of=as_of, groups=[GroupOut.of(each) for each in lines])


@router.get("/breakage", responses=problems(UnknownWallet))
async def breakage(
    _: Reader, loyalty: Loyalty, wallet: Annotated[Name, Query(description="Which points.")] = "points"
) -> BreakageOut:
    """Estimate how many points members never spend, from those whose last day was in the past two years."""
    found = await loyalty.reports.spending(wallet)
    rate = found.rate
    rest = rate and Rate(1 - rate.value, 1 - rate.high, 1 - rate.low)
    return BreakageOut(
        wallet=wallet,
        as_of=found.as_of,
        since=found.since,
        members=found.fates.members,
        spent=found.fates.spent,
        expired=found.fates.ended - found.fates.spent,
        redemption=rate and RateOut.of(rate),
        breakage=rest and RateOut.of(rest),
        cannot_say=found.why,
        outstanding=found.outstanding,
        expected_breakage=rest and round(rest.value * found.outstanding),
    )


@router.put(
    "/deferred-revenue/estimates",
    response_model=EstimateOut,
    responses=problems(BadIdempotencyKey, UnknownWallet, MonthClosed),
)
async def estimate(body: EstimateIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Say what a point is worth in the accounts, from a month on; what is closed stays as it is."""
    return answer(await loyalty.reports.estimate(body, by=caller.key_id, idem=idem))


@router.get("/deferred-revenue/estimates")
async def estimates(_: Reader, loyalty: Loyalty) -> EstimatesOut:
    """List what a point is worth, from when on."""
    return EstimatesOut(estimates=[EstimateOut.of(*each) for each in await loyalty.reports.estimates()])


@router.get("/deferred-revenue")
async def deferred_revenue(_: Reader, loyalty: Loyalty, month: MonthQuery = None) -> RevenueOut:
    """Report the revenue that waits for points (IFRS 15): from the last closed month to the end of this one.

    Of each sale that earned points their share of the price is deferred, and recognised as they are spent, of those
    expected to be. Points that came with no sale, such as gifts, have no price: they are in no sum.
    """
    return await loyalty.reports.revenue(await _month(loyalty, month))


@router.get("/deferred-revenue.csv", response_class=Response, responses=_CSV)
async def deferred_revenue_csv(_: Reader, loyalty: Loyalty, month: MonthQuery = None) -> Response:
    """Report the same as a table, a row for each month of earning, amounts as people write them."""
    return Response(_table(await loyalty.reports.revenue(await _month(loyalty, month))), media_type="text/csv")


@router.post(
    "/deferred-revenue/{month}/close",
    response_model=RevenueOut,
    responses=problems(BadIdempotencyKey, MonthClosed, MonthNotOver),
)
async def close(month: Month, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Close the books of a month that is over: they stay as they are, and what turns out later falls into the next."""
    return answer(await loyalty.reports.close(first_day(month), by=caller.key_id, idem=idem))


async def _month(loyalty: Loyalty, month: str | None) -> Any:
    return first_day(month) if month else await loyalty.reports.this_month()


def _table(found: RevenueOut) -> str:
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(("after", "month", "wallet", "currency", "cohort", "opening", "new", "recognised", "closing"))
    for each in found.cohorts:
        amounts = (each.opening_minor, each.new_minor, each.recognised_minor, each.closing_minor)
        said = (to_decimal_string(amount, each.currency) for amount in amounts)
        table.writerow((found.after or "", found.month, each.wallet, each.currency, each.cohort, *said))
    return text.getvalue()
