"""HTTP in, use cases, schemas out."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.metrics.alarms.domain.definitions import ALARMS
from services.metrics.domain.calendar import Period
from services.metrics.domain.customer import CustomerFigures
from services.metrics.domain.definitions import DEFINITIONS, Definition
from services.metrics.domain.series import Metric
from services.metrics.errors import BadRange, BadReference, InTheFuture, UnknownCurrency, UnknownCustomer
from services.metrics.figures.schemas import (
    MAX_WINDOW_DAYS,
    CustomerOut,
    Day,
    DefinitionsOut,
    PointOut,
    SeriesOut,
    SummaryOut,
    known_currency,
)
from services.metrics.figures.service import Summary
from services.metrics.freshness.api import UNMODIFIED, aged
from services.metrics.satisfaction.domain.definitions import SATISFACTION
from services.metrics.scorecard.domain.definitions import SCORECARD
from services.metrics.service import MetricsService
from services.metrics.subscriptions.domain.definitions import SUBSCRIPTION
from shared.http.access import service_of
from shared.http.auth import require
from shared.http.problems import problems
from shared.ids import customer_key

router = APIRouter(prefix="/v1/metrics", tags=["metrics"], dependencies=[Depends(require("metrics:read"))])

Metrics = Annotated[MetricsService, Depends(service_of("metrics"))]
AsOf = Annotated[Day | None, Query(description="The day to count up to, inclusive; default: today.")]
Window = Annotated[
    int, Query(ge=1, le=MAX_WINDOW_DAYS, description="Days without a purchase after which a customer has lapsed.")
]
Currency = Annotated[
    str | None,
    Query(
        max_length=12,
        description="ISO 4217 code of the money figures; default: the firm's, else the one with the most orders.",
    ),
]


@router.get("/summary", response_model=SummaryOut, responses={**UNMODIFIED, **problems(InTheFuture, UnknownCurrency)})
async def summary(
    metrics: Metrics, request: Request, as_of: AsOf = None, window: Window = 90, currency: Currency = None
) -> Response:
    """The figures of the whole firm, live or as of any day."""
    found = await metrics.figures.summary(as_of=as_of, window=window, currency=known_currency(currency))
    return aged(request, SummaryOut.model_validate({**_common(found), "lifecycle": found.lifecycle}))


@router.get(
    "/customers/{customer}",
    response_model=CustomerOut,
    responses={**UNMODIFIED, **problems(UnknownCustomer, BadReference, InTheFuture, UnknownCurrency)},
)
async def customer(
    metrics: Metrics,
    request: Request,
    customer: Annotated[
        str, Path(max_length=300, description="A customer id, `user_id:<value>` or `anonymous_id:<value>`.")
    ],
    as_of: AsOf = None,
    window: Window = 90,
    currency: Currency = None,
) -> Response:
    """The figures of one customer, under whichever id they are known."""
    try:
        key = customer_key(customer)
    except ValueError:
        raise BadReference from None
    found = await metrics.figures.customer(key, as_of=as_of, window=window, currency=known_currency(currency))
    who = {"customer": found.customer, "keys": found.keys, "lifecycle": found.lifecycle}
    return aged(request, CustomerOut.model_validate({**_common(found), **who}))


@router.get(
    "/series/{metric}",
    response_model=SeriesOut,
    responses={**UNMODIFIED, **problems(InTheFuture, BadRange, UnknownCurrency)},
)
async def series(
    metrics: Metrics,
    request: Request,
    metric: Metric,
    first: Annotated[
        Day | None, Query(alias="from", description="First day; default: some periods before `to`.")
    ] = None,
    last: Annotated[Day | None, Query(alias="to", description="Last day; default: today.")] = None,
    period: Period = "day",
    window: Window = 90,
    currency: Currency = None,
) -> Response:
    """One figure through time, a point for each day, week (from Monday) or month that the range touches."""
    found = await metrics.figures.series(
        metric, period=period, first=first, last=last, window=window, currency=known_currency(currency)
    )
    return aged(
        request,
        SeriesOut(
            metric=found.metric,
            period=found.period,
            time_zone=found.frame.time_zone,
            staleness_seconds=found.frame.staleness_seconds,
            window_days=found.window,
            currency=found.currency,
            points=[PointOut.of(point) for point in found.points],
        ),
    )


@router.get("/definitions")
async def definitions() -> DefinitionsOut:
    """What each figure means, by its name."""
    return DefinitionsOut.of(every_definition())


def every_definition() -> dict[str, Definition]:
    """The definitions of all rooms, by the figure's name."""
    return DEFINITIONS | SATISFACTION | SUBSCRIPTION | ALARMS | SCORECARD


def _common(found: Summary | CustomerFigures) -> dict[str, Any]:
    return {
        "as_of": found.frame.as_of,
        "time_zone": found.frame.time_zone,
        "staleness_seconds": found.frame.staleness_seconds,
        "window_days": found.window,
        "currency": found.currency,
        "other_currencies": found.other_currencies,
        **found.figures,
    }
