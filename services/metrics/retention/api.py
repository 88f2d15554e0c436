"""Retention over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import Field

from services.metrics.domain.calendar import Period
from services.metrics.errors import BadRange, BadReference, InTheFuture, UnknownCurrency, UnknownCustomer
from services.metrics.figures.schemas import MAX_WINDOW_DAYS, Day, known_currency
from services.metrics.freshness.api import STALENESS, UNMODIFIED, aged
from services.metrics.retention.domain.cohorts import Rule
from services.metrics.retention.domain.windows import Asked
from services.metrics.retention.schemas.lapsing import LifecycleSeriesOut, SegmentsOut, WindowOut
from services.metrics.retention.schemas.returning import CohortsOut, RecurringOut
from services.metrics.retention.schemas.rfm import CustomerRfmOut, RfmOut
from services.metrics.service import MetricsService
from shared.http.access import service_of
from shared.http.auth import require
from shared.http.problems import problems
from shared.ids import customer_key

router = APIRouter(prefix="/v1/metrics", tags=["metrics"], dependencies=[Depends(require("metrics:read"))])

Metrics = Annotated[MetricsService, Depends(service_of("metrics"))]
_AGES = (*STALENESS, "groups_staleness_seconds", "segments_staleness_seconds")
AsOf = Annotated[Day | None, Query(description="The day to count up to, inclusive; default: today.")]


@router.get("/lapse-window", response_model=WindowOut, responses={**UNMODIFIED, **problems(InTheFuture)})
async def lapse_window(
    metrics: Metrics,
    request: Request,
    as_of: AsOf = None,
    share: Annotated[
        float, Query(gt=0, lt=1, description="Of the returns that are ever seen, how many have to have come.")
    ] = 0.9,
    at_most: Annotated[
        float | None,
        Query(gt=0, lt=1, description="Instead: of those declared lapsed, how many may come back within the horizon."),
    ] = None,
    horizon_days: Annotated[
        int | None,
        Query(ge=1, le=3_650, description="Default: a year, or half of what was watched, or the rest of it."),
    ] = None,
    window: Annotated[
        list[Annotated[int, Field(ge=1, le=MAX_WINDOW_DAYS)]] | None,
        Query(max_length=20, description="Windows in days to look at besides the usual ones."),
    ] = None,
) -> Response:
    """The inactivity window that the data recommend, and how many each window declares lapsed who come back."""
    asked = Asked(share, at_most, horizon_days)
    return aged(
        request, WindowOut.of(await metrics.retention.window(asked, as_of=as_of, also=sorted(set(window or ()))))
    )


@router.get(
    "/lifecycle", response_model=LifecycleSeriesOut, responses={**UNMODIFIED, **problems(InTheFuture, BadRange)}
)
async def lifecycle(
    metrics: Metrics,
    request: Request,
    period: Period = "week",
    first: Annotated[
        Day | None, Query(alias="from", description="First day; default: some periods before `to`.")
    ] = None,
    last: Annotated[Day | None, Query(alias="to", description="Last day; default: `as_of`.")] = None,
    as_of: AsOf = None,
) -> Response:
    """New, returning, resurrecting and dormant customers, by day, week (from Monday) or month."""
    return aged(
        request, LifecycleSeriesOut.of(await metrics.retention.lifecycle(period, first=first, last=last, as_of=as_of))
    )


@router.get("/cohorts", response_model=CohortsOut, responses={**UNMODIFIED, **problems(InTheFuture)})
async def cohorts(
    metrics: Metrics,
    request: Request,
    period: Period = "month",
    rule: Rule = "on",
    cohorts: Annotated[
        int | None, Query(ge=1, le=156, description="The last so many; of days at most 92, of months 120.")
    ] = None,
    as_of: AsOf = None,
) -> Response:
    """Customers by the period of their first purchase, and who of them bought in each period after."""
    return aged(request, CohortsOut.of(await metrics.retention.cohorts(period, rule, count=cohorts, as_of=as_of)))


@router.get("/repeat-purchases", response_model=RecurringOut, responses={**UNMODIFIED, **problems(InTheFuture)})
async def repeat_purchases(metrics: Metrics, request: Request, as_of: AsOf = None) -> Response:
    """Who orders again, and how long each next order takes: who is still waiting is counted, not left out."""
    return aged(request, RecurringOut.of(await metrics.retention.recurring(as_of=as_of)))


@router.get("/rfm", response_model=RfmOut, responses={**UNMODIFIED, **problems(InTheFuture, UnknownCurrency)})
async def rfm(
    metrics: Metrics,
    request: Request,
    as_of: AsOf = None,
    currency: Annotated[
        str | None, Query(max_length=12, description="ISO 4217; default: the firm's, else that of the most customers.")
    ] = None,
) -> Response:
    """Customers by how recently, how often and how much they bought, in ten named segments."""
    return aged(request, RfmOut.of(await metrics.retention.rfm(currency=known_currency(currency), as_of=as_of)), _AGES)


@router.get(
    "/customers/{customer}/rfm",
    response_model=CustomerRfmOut,
    responses={**UNMODIFIED, **problems(UnknownCustomer, BadReference, InTheFuture)},
)
async def customer_rfm(
    metrics: Metrics,
    request: Request,
    customer: Annotated[
        str, Path(max_length=300, description="A customer id, `user_id:<value>` or `anonymous_id:<value>`.")
    ],
    as_of: AsOf = None,
) -> Response:
    """One customer's scores and segment."""
    try:
        key = customer_key(customer)
    except ValueError:
        raise BadReference from None
    return aged(request, CustomerRfmOut.of(await metrics.retention.customer_rfm(key, as_of=as_of)))


@router.get("/lapse-by-segment", response_model=SegmentsOut, responses=UNMODIFIED)
async def lapse_by_segment(
    metrics: Metrics,
    request: Request,
    window: Annotated[
        int, Query(ge=1, le=MAX_WINDOW_DAYS, description="Days without a purchase after which a customer has lapsed.")
    ] = 90,
) -> Response:
    """Who has lapsed of those who are in each segment now, personas among them."""
    return aged(request, SegmentsOut.of(await metrics.retention.segments(window)), _AGES)
