"""Earned growth over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.metrics.earned.schemas import EarnedGrowthOut
from services.metrics.errors import BadRange, UnknownCurrency
from services.metrics.figures.schemas import known_currency
from services.metrics.service import MetricsService
from shared.http.access import service_of
from shared.http.auth import require
from shared.http.problems import problems
from shared.http.schemas import Day

router = APIRouter(prefix="/v1/metrics", tags=["metrics"], dependencies=[Depends(require("metrics:read"))])

Metrics = Annotated[MetricsService, Depends(service_of("metrics"))]


@router.get("/earned-growth", responses=problems(BadRange, UnknownCurrency))
async def earned_growth(
    metrics: Metrics,
    first: Annotated[Day, Query(alias="from", description="First local day of the period.")],
    last: Annotated[Day, Query(alias="to", description="Last local day, included.")],
    before_first: Annotated[
        Day | None,
        Query(
            alias="before_from",
            description="First day of the period to compare with, which has as many days; default: right before.",
        ),
    ] = None,
    currency: Annotated[
        str | None, Query(max_length=12, description="ISO 4217 code of `growth`; default: the firm's, else the main.")
    ] = None,
) -> EarnedGrowthOut:
    """How much of the growth came back, or was brought by other customers, and how much was bought."""
    report = await metrics.earned_growth.growth(
        first, last, before_first=before_first, currency=known_currency(currency)
    )
    return EarnedGrowthOut.of(report)
