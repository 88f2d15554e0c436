"""HTTP in, use cases, schemas out."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.metrics.alarms.domain.definitions import ALARMS
from services.metrics.domain.calendar import Period
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
    common,
    known_currency,
)
from services.metrics.freshness.api import UNMODIFIED, aged
from services.metrics.knowledge.errors import BeingRead, NotOnTheLog, NotYetKnown, TooManyMoments
from services.metrics.satisfaction.domain.definitions import SATISFACTION
from services.metrics.scorecard.domain.definitions import SCORECARD
from services.metrics.service import MetricsService
from services.metrics.subscriptions.domain.definitions import SUBSCRIPTION
from shared.http.access import service_of
from shared.http.auth import require
from shared.http.problems import problems
from shared.http.schemas import Instant
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

KnownAt = Annotated[
    Instant | None,
    Query(
        description="By what had been learnt up to this moment, with an offset; default: by what is known now.",
        examples=["2026-11-01T09:00:00+07:00"],
    ),
]
# Why it is not answered what was known at a moment.
UNKNOWABLE = (NotYetKnown, NotOnTheLog, TooManyMoments, BeingRead)


@router.get(
    "/summary",
    response_model=SummaryOut,
    responses={**UNMODIFIED, **problems(InTheFuture, UnknownCurrency, *UNKNOWABLE)},
)
async def summary(
    metrics: Metrics,
    request: Request,
    as_of: AsOf = None,
    window: Window = 90,
    currency: Currency = None,
    known_at: KnownAt = None,
) -> Response:
    """The figures of the whole firm, live or as of any day; with `known_at` as they were believed to be at a moment.

    Then the log is read again up to that moment, in the background: until that is done the answer is 503
    `metrics.being_read` with Retry-After, and afterwards it is kept for two days after the last who asked.
    """
    if known_at is not None:
        code = known_currency(currency)
        believed = await metrics.knowledge.figure("summary", known_at, as_of=as_of, window=window, currency=code)
        return aged(request, orjson.dumps(believed))
    found = await metrics.figures.summary(as_of=as_of, window=window, currency=known_currency(currency))
    return aged(request, SummaryOut.of(found))


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
    return aged(request, CustomerOut.model_validate({**common(found), **who}))


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
