"""The delivery gap and the promise gap over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from services.metrics.earned.api import router as earned
from services.metrics.errors import BadRange
from services.metrics.gap.errors import WaveUnknown
from services.metrics.gap.schemas import DeliveryGapOut, PromiseGapOut
from services.metrics.service import MetricsService
from shared.http.access import service_of
from shared.http.auth import require
from shared.http.problems import problems
from shared.http.schemas import Day

router = APIRouter(prefix="/v1/metrics", tags=["metrics"], dependencies=[Depends(require("metrics:read"))])

Metrics = Annotated[MetricsService, Depends(service_of("metrics"))]
Threshold = Annotated[float, Query(gt=0, le=1)]


@router.get("/delivery-gap", responses=problems(WaveUnknown, BadRange))
async def delivery_gap(
    metrics: Metrics,
    wave: Annotated[UUID | None, Query(description="One wave; it has to have closed.")] = None,
    first: Annotated[Day | None, Query(alias="from", description="Only waves whose period begins not before.")] = None,
    last: Annotated[Day | None, Query(alias="to", description="Only waves whose period ends not after.")] = None,
    believer_at: Threshold = 0.8,
    achiever_at: Threshold = 0.8,
) -> DeliveryGapOut:
    """What staff believes against what customers say, by touchpoint, question and role, wave by wave.

    Nothing is shown of a wave before it closes, nor of a role of which fewer than five answered.
    """
    if wave is not None:
        found = await metrics.delivery_gap.wave(wave, believer_at=believer_at, achiever_at=achiever_at)
    else:
        found = await metrics.delivery_gap.waves(first, last, believer_at=believer_at, achiever_at=achiever_at)
    return DeliveryGapOut.of(found)


@router.get("/promises", responses=problems(BadRange))
async def promises(
    metrics: Metrics,
    first: Annotated[Day, Query(alias="from", description="First local day on which promises fell due.")],
    last: Annotated[Day, Query(alias="to", description="Last such day, included.")],
) -> PromiseGapOut:
    """What was promised against what was delivered: deliveries, refunds, and first words to somebody unhappy."""
    return PromiseGapOut.of(await metrics.delivery_gap.promises(first, last))


ROUTERS = (router, earned)
