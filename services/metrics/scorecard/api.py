"""The score card over HTTP: as JSON, as a page to read and print, and its targets."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.metrics.errors import InTheFuture, UnknownCurrency
from services.metrics.figures.schemas import Day, known_currency
from services.metrics.freshness.api import STALENESS, kept
from services.metrics.scorecard.errors import NoSuchTarget, NotBySegment, OutOfRange, TargetCurrency, UnknownFigure
from services.metrics.scorecard.schemas.card import ScoreCardOut
from services.metrics.scorecard.schemas.page import POLICY, Language, page
from services.metrics.scorecard.schemas.targets import TargetIn, TargetOut, TargetsOut
from services.metrics.service import MetricsService
from shared.http.access import service_of
from shared.http.auth import Caller, require
from shared.http.etag import UNMODIFIED, with_etag
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.problems import problems

router = APIRouter(prefix="/v1/metrics/scorecard", tags=["score card"])

Metrics = Annotated[MetricsService, Depends(service_of("metrics"))]
_READ = [Depends(require("metrics:read"))]
Writer = Annotated[Caller, Depends(require("metrics:write"))]
AsOf = Annotated[Day | None, Query(description="The last day of the period, included; default: today.")]
Period = Annotated[
    Literal[30, 90, 365],
    Query(alias="days", description="Days of the period, and of the one before; a customer lapses after as many."),
]
Currency = Annotated[
    str | None, Query(max_length=12, description="ISO 4217 code of the money figures; default: the firm's.")
]
Figure = Annotated[str, Path(max_length=40, examples=["nps"])]
Segment = Annotated[UUID | None, Query(description="The segment; default: all customers.")]

_PAGE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The page.", "content": {"text/html": {"schema": {"type": "string"}}}},
    **UNMODIFIED,
}
# Who polls is spared a card that is new only in when it was made, and how old the knowledge is.
_AGES = (*STALENESS, "generated_at")


@router.get(
    "",
    response_model=ScoreCardOut,
    responses={**UNMODIFIED, **problems(InTheFuture, UnknownCurrency)},
    dependencies=_READ,
)
async def scorecard(
    request: Request, metrics: Metrics, days: Period = 90, as_of: AsOf = None, currency: Currency = None
) -> Response:
    """What an executive must know of customers, on one page: each figure with its trend, its target and who owns it, by
    segment and persona; and what changed most, and why."""
    code = known_currency(currency)

    async def make() -> ScoreCardOut:
        return ScoreCardOut.of(*await metrics.scorecard.card(days=days, as_of=as_of, currency=code))

    return await kept(request, metrics.answers, ("card", days, as_of, code), make, _AGES, is_slow=True)


@router.get(
    "/page",
    response_model=None,
    responses={**_PAGE, **problems(InTheFuture, UnknownCurrency)},
    dependencies=_READ,
)
async def scorecard_page(
    request: Request,
    metrics: Metrics,
    days: Period = 90,
    as_of: AsOf = None,
    currency: Currency = None,
    language: Annotated[Language, Query(description="The language to read in.")] = "en",
) -> Response:
    """The same as a page of HTML, to read on any screen and to print; it loads nothing and runs nothing."""
    code = known_currency(currency)

    async def write() -> bytes:
        return page(*await metrics.scorecard.card(days=days, as_of=as_of, currency=code), language).encode()

    body, seconds = await metrics.answers.get(("page", days, as_of, code, language), write, is_slow=True)
    found = with_etag(request, body, media_type="text/html; charset=utf-8")
    # Its own ages are as of when it was written.
    found.headers["Age"] = str(seconds)
    found.headers["Content-Security-Policy"] = POLICY
    return found


@router.get("/targets", dependencies=_READ)
async def card_targets(metrics: Metrics) -> TargetsOut:
    """The targets that stand, each with who answers for it."""
    return await metrics.aims.listed()


@router.put(
    "/targets/{figure}",
    response_model=TargetOut,
    responses=problems(BadIdempotencyKey, UnknownFigure, NotBySegment, TargetCurrency, OutOfRange),
)
async def put_card_target(
    figure: Figure, body: TargetIn, caller: Writer, metrics: Metrics, idem: IdempotencyKey
) -> Response:
    """Enter what a figure shall be, by when, and who answers for it; of all customers, or of a segment."""
    found = answer(await metrics.aims.put(figure, body, caller.key_id, idem))
    metrics.answers.forget()
    return found


@router.delete(
    "/targets/{figure}",
    status_code=204,
    response_model=None,
    responses=problems(BadIdempotencyKey, UnknownFigure, NoSuchTarget),
)
async def remove_card_target(
    figure: Figure, caller: Writer, metrics: Metrics, idem: IdempotencyKey, segment: Segment = None
) -> Response:
    """Have no target from now on; what it was stays in the history."""
    found = answer(await metrics.aims.remove(figure, segment, caller.key_id, idem))
    metrics.answers.forget()
    return found


@router.get("/targets/{figure}/history", dependencies=_READ, responses=problems(UnknownFigure))
async def card_target_history(figure: Figure, metrics: Metrics, segment: Segment = None) -> TargetsOut:
    """All targets there ever were of a figure, the newest first."""
    return await metrics.aims.history(figure, segment)
