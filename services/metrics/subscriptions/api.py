"""Subscriptions over HTTP."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.metrics.domain.calendar import Period, day_number
from services.metrics.errors import BadRange, InTheFuture, UnknownCurrency
from services.metrics.figures.schemas import known_currency
from services.metrics.freshness.api import aged, kept
from services.metrics.service import MetricsService
from services.metrics.subscriptions.domain.exchange import Rate
from services.metrics.subscriptions.domain.report import Asked
from services.metrics.subscriptions.errors import BadPolicy, BadRate, NoSuchRate
from services.metrics.subscriptions.schemas.figures import ChurnOut, MovementsOut, RevenueOut
from services.metrics.subscriptions.schemas.lasting import CohortsOut, ValueOut
from services.metrics.subscriptions.schemas.own import PoliciesOut, PolicyIn, PolicyOut, RateIn, RateOut, RatesOut
from shared.http.access import service_of
from shared.http.auth import require
from shared.http.etag import UNMODIFIED
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.problems import problems
from shared.http.schemas import Day

router = APIRouter(prefix="/v1/metrics/subscriptions", tags=["subscriptions"])
_READ = [Depends(require("metrics:read"))]
_WRITE = [Depends(require("metrics:write"))]

Metrics = Annotated[MetricsService, Depends(service_of("metrics"))]
First = Annotated[Day | None, Query(alias="from", description="First local day; default: 30 days up to `to`.")]
Last = Annotated[Day | None, Query(alias="to", description="Last local day, included; default: today.")]
Into = Annotated[
    str | None,
    Query(max_length=12, description="ISO 4217 code of the total; default: the firm's, else the only one there is."),
]
Code = Annotated[str, Path(min_length=3, max_length=3, description="ISO 4217.")]


@router.get(
    "/churn",
    dependencies=_READ,
    response_model=ChurnOut,
    responses=UNMODIFIED | problems(InTheFuture, BadRange, UnknownCurrency),
)
async def churn(
    request: Request, metrics: Metrics, first: First = None, last: Last = None, currency: Into = None
) -> Response:
    """Who left: standard, rolling and daily churn side by side, why they left, and the revenue that went with them."""
    code = known_currency(currency)

    async def make() -> ChurnOut:
        return ChurnOut.of(await metrics.subscriptions.churn(first, last, code))

    return await kept(request, metrics.answers, ("churn", first, last, code), make)


@router.get(
    "/mrr",
    dependencies=_READ,
    response_model=RevenueOut,
    responses=UNMODIFIED | problems(InTheFuture, UnknownCurrency),
)
async def mrr(
    request: Request,
    metrics: Metrics,
    as_of: Annotated[Day | None, Query(description="The day at whose end; default: today.")] = None,
    currency: Into = None,
) -> Response:
    """What subscriptions bring in a month, live or as of any day."""
    return aged(request, RevenueOut.of(await metrics.subscriptions.revenue(as_of, known_currency(currency))))


@router.get(
    "/movements",
    dependencies=_READ,
    response_model=MovementsOut,
    responses=UNMODIFIED | problems(InTheFuture, BadRange, UnknownCurrency),
)
async def movements(
    request: Request,
    metrics: Metrics,
    period: Period = "month",
    first: Annotated[
        Day | None, Query(alias="from", description="First day; default: some periods before `to`.")
    ] = None,
    last: Last = None,
    currency: Into = None,
) -> Response:
    """What moved revenue in each day, week (from Monday) or month that the days touch: it adds up exactly."""
    code = known_currency(currency)

    async def make() -> MovementsOut:
        return MovementsOut.of(await metrics.subscriptions.movements(period, first, last, code), period)

    return await kept(request, metrics.answers, ("movements", period, first, last, code), make)


@router.get(
    "/cohorts",
    dependencies=_READ,
    response_model=CohortsOut,
    responses=UNMODIFIED | problems(InTheFuture),
)
async def cohorts(
    request: Request,
    metrics: Metrics,
    months: Annotated[int, Query(ge=1, le=60, description="How many months, the running one included.")] = 12,
    as_of: Annotated[Day | None, Query(description="The day to count up to, inclusive; default: today.")] = None,
) -> Response:
    """Who stayed, and what revenue did, of those who first subscribed in each month."""

    async def make() -> CohortsOut:
        return CohortsOut.of(await metrics.subscriptions.cohorts(months, as_of))

    return await kept(request, metrics.answers, ("subscribed", months, as_of), make)


@router.get(
    "/value",
    dependencies=_READ,
    response_model=ValueOut,
    responses=UNMODIFIED | problems(UnknownCurrency),
)
async def value(
    request: Request,
    metrics: Metrics,
    currency: Annotated[
        str | None, Query(max_length=12, description="ISO 4217; default: the firm's, else that of the most revenue.")
    ] = None,
    annual_discount: Annotated[float, Query(ge=0, le=1, description="0.1 is ten per cent a year.")] = 0.1,
    horizon_months: Annotated[int, Query(ge=1, le=600, description="Payments counted, months ahead.")] = 60,
) -> Response:
    """What the subscriptions there now will pay, by how long subscriptions last; or why that cannot be said yet."""
    asked, code = Asked(annual_discount, horizon_months), known_currency(currency)

    async def make() -> ValueOut:
        return ValueOut.of(await metrics.subscriptions.value(asked, code))

    return await kept(request, metrics.answers, ("renewals", asked, code), make)


@router.get("/policy", dependencies=_READ)
async def policy(metrics: Metrics) -> PoliciesOut:
    """When a departure counts, how far history is counted by a newer policy, and what held before."""
    return await metrics.subscription_rules.policies()


@router.put(
    "/policy",
    dependencies=_WRITE,
    response_model=PolicyOut,
    responses=problems(BadIdempotencyKey, BadPolicy),
)
async def decide(body: PolicyIn, metrics: Metrics, idem: IdempotencyKey) -> Response:
    """Decide when a departure counts: all history is counted anew by it.

    A thousand persons are counted before this answers; of more, the rest in the background, which `recount` of the
    policy shows. Until it is whole every figure is that of the policy before, and says so in `policy` and `recount`.
    """
    found = answer(await metrics.subscription_rules.decide(body.policy(), idem))
    metrics.answers.forget()
    return found


@router.get("/rates", dependencies=_READ)
async def rates(metrics: Metrics) -> RatesOut:
    """The rates of exchange that the firm entered. None comes with the product."""
    return await metrics.subscription_rules.rates()


@router.put(
    "/rates/{currency}/{into}/{day}",
    dependencies=_WRITE,
    response_model=RateOut,
    responses=problems(BadIdempotencyKey, BadRate, UnknownCurrency),
)
async def put_rate(
    currency: Code, into: Code, day: Day, body: RateIn, metrics: Metrics, idem: IdempotencyKey
) -> Response:
    """Enter what one of a currency is worth in another, from a day on."""
    rate = Rate(_code(currency), _code(into), day_number(day), Decimal(body.rate))
    found = answer(await metrics.subscription_rules.put_rate(rate, idem))
    metrics.answers.forget()
    return found


@router.delete(
    "/rates/{currency}/{into}/{day}",
    dependencies=_WRITE,
    status_code=204,
    response_model=None,
    responses=problems(BadIdempotencyKey, NoSuchRate, UnknownCurrency),
)
async def remove_rate(currency: Code, into: Code, day: Day, metrics: Metrics, idem: IdempotencyKey) -> Response:
    """Remove a rate."""
    gone = await metrics.subscription_rules.remove_rate(_code(currency), _code(into), day_number(day), idem)
    metrics.answers.forget()
    return answer(gone)


def _code(said: str) -> str:
    known = known_currency(said)
    if known is None:
        raise UnknownCurrency
    return known
