"""Predicted value over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.metrics.errors import BadReference, InTheFuture, NoFit, UnknownCurrency, UnknownCustomer
from services.metrics.figures.schemas import Day, known_currency
from services.metrics.freshness.api import STALENESS, aged
from services.metrics.service import MetricsService
from services.metrics.value.schemas.answers import PredictionOut, TotalOut
from services.metrics.value.schemas.by_segment import SoFarBySegmentOut
from services.metrics.value.schemas.models import ModelsOut
from services.metrics.value.schemas.so_far import SoFarOut
from shared.http.access import service_of
from shared.http.auth import require
from shared.http.etag import UNMODIFIED, with_etag
from shared.http.problems import problems
from shared.ids import customer_key

router = APIRouter(prefix="/v1/metrics", tags=["metrics"], dependencies=[Depends(require("metrics:read"))])

Metrics = Annotated[MetricsService, Depends(service_of("metrics"))]
AsOf = Annotated[Day | None, Query(description="By what was bought up to this day, as is known now; default: today.")]
Horizon = Annotated[int, Query(ge=1, le=3_650, description="Days ahead.")]
Discount = Annotated[float, Query(ge=0, le=1, description="A year: 0.1 is ten per cent; 0: money is not discounted.")]
Currency = Annotated[
    str | None, Query(max_length=12, description="ISO 4217; default: the firm's, else that of the most customers.")
]


@router.get("/clv", responses=problems(InTheFuture, UnknownCurrency))
async def clv(
    metrics: Metrics,
    as_of: AsOf = None,
    segment: Annotated[UUID | None, Query(description="Those who are in this segment now; default: all.")] = None,
    horizon_days: Horizon = 365,
    annual_discount: Discount = 0.1,
    currency: Currency = None,
) -> TotalOut:
    """What all customers will probably bring: predicted lifetime value, with its interval, or why it cannot be said."""
    found = await metrics.value.total(
        as_of=as_of,
        segment=segment,
        horizon_days=horizon_days,
        annual_discount=annual_discount,
        currency=known_currency(currency),
    )
    return TotalOut.of(found, metrics.value.margin, metrics.value.zone.key)


@router.get("/historical-clv", responses=problems(InTheFuture, UnknownCurrency))
async def historical_clv(metrics: Metrics, as_of: AsOf = None, currency: Currency = None) -> SoFarOut:
    """What customers have brought so far, net of refunds, each amount at the rate of its own day; per customer."""
    return SoFarOut.of(await metrics.value_so_far.converted(as_of=as_of, currency=known_currency(currency)))


@router.get(
    "/historical-clv-by-segment",
    response_model=SoFarBySegmentOut,
    responses={**UNMODIFIED, **problems(UnknownCurrency)},
)
async def historical_clv_by_segment(metrics: Metrics, request: Request, currency: Currency = None) -> Response:
    """What customers have brought so far, of those who are in each segment now, personas among them.

    Segments and those in none add up to everybody, less what `overlap` says is counted more than once.
    """
    found = await metrics.value_so_far.by_segment(currency=known_currency(currency))
    return aged(request, SoFarBySegmentOut.of(found), (*STALENESS, "segments_staleness_seconds"))


@router.get(
    "/customers/{customer}/prediction",
    responses=problems(UnknownCustomer, BadReference, InTheFuture),
)
async def prediction(
    metrics: Metrics,
    customer: Annotated[
        str, Path(max_length=300, description="A customer id, `user_id:<value>` or `anonymous_id:<value>`.")
    ],
    as_of: AsOf = None,
    horizon_days: Horizon = 365,
    annual_discount: Discount = 0.1,
) -> PredictionOut:
    """What one customer will probably do: churn risk, purchases and value within the horizon."""
    try:
        key = customer_key(customer)
    except ValueError:
        raise BadReference from None
    found = await metrics.value.customer(key, as_of=as_of, horizon_days=horizon_days, annual_discount=annual_discount)
    return PredictionOut.of(found, metrics.value.margin, metrics.value.zone.key)


@router.get(
    "/models", response_model=ModelsOut, responses={**UNMODIFIED, **problems(NoFit, InTheFuture, UnknownCurrency)}
)
async def models(metrics: Metrics, request: Request, currency: Currency = None, as_of: AsOf = None) -> Response:
    """The fit that holds, or held: parameters, the back-test, calibration, tracking, and what intervals held."""
    stored = await metrics.value.models(known_currency(currency), as_of)
    return with_etag(request, ModelsOut.of(stored).model_dump_json().encode())
