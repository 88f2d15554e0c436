"""Satisfaction over HTTP."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.metrics.domain.calendar import Period
from services.metrics.errors import BadRange, InTheFuture
from services.metrics.figures.api import UNKNOWABLE, KnownAt, Metrics
from services.metrics.figures.schemas import Day
from services.metrics.freshness.api import STALENESS, UNMODIFIED, aged
from services.metrics.knowledge.errors import KnownAsAWhole
from services.metrics.satisfaction.domain import query as asking
from services.metrics.satisfaction.domain.query import METRICS, By, Metric, Persons, Verification
from services.metrics.satisfaction.domain.yardsticks import Yardstick
from services.metrics.satisfaction.errors import (
    BadComparison,
    FormulaFixed,
    MixedFormulas,
    NoSuchSurvey,
    NoSuchYardstick,
    OneDimension,
    TwoSegments,
    UnknownPersona,
)
from services.metrics.satisfaction.schemas.figures import (
    LineOut,
    PointOut,
    SatisfactionOut,
    SatisfactionSeriesOut,
    frame,
)
from services.metrics.satisfaction.schemas.own import (
    BenchmarkIn,
    FormulaIn,
    FormulaOut,
    FormulasOut,
    TargetIn,
    YardstickOut,
    YardsticksOut,
)
from shared.http.auth import require
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.problems import problems
from shared.http.schemas import ExternalId

router = APIRouter(prefix="/v1/metrics", tags=["satisfaction"])
_READ = [Depends(require("metrics:read"))]
_WRITE = [Depends(require("metrics:write"))]

# Who polls is spared an answer that is new only in when it was given.
_AGES = (*STALENESS, "as_of")

_Value = Annotated[str | None, Query(min_length=1, max_length=200)]
First = Annotated[Day | None, Query(alias="from", description="First local day; default: 90 days up to `to`.")]
Last = Annotated[Day | None, Query(alias="to", description="Last local day, included; default: today.")]


def _asked(
    survey: Annotated[UUID | None, Query(description="Only this survey.")] = None,
    question: Annotated[str | None, Query(min_length=1, max_length=200, description="Only this question.")] = None,
    touchpoint: _Value = None,
    stage: _Value = None,
    staff: _Value = None,
    channel: _Value = None,
    locale: _Value = None,
    segment: Annotated[UUID | None, Query(description="Only who is in this segment now.")] = None,
    persona: Annotated[
        str | None, Query(min_length=1, max_length=200, description="Only who is of this persona now.")
    ] = None,
    persons: Annotated[
        Persons,
        Query(
            description="latest: of a person only the newest answer to a question within the days, so that nobody "
            "counts twice and answers are independent, as intervals take them to be; all: each answer."
        ),
    ] = "latest",
    verification: Annotated[
        Verification, Query(description="any: also answers inferred from a click that no person confirmed.")
    ] = "confirmed",
    with_partial: Annotated[bool, Query(description="Also answers that were begun and not finished.")] = False,
    level: Annotated[float, Query(ge=0.5, le=0.999, description="Of the intervals and tests.")] = 0.95,
) -> asking.Query:
    """What all routes of figures ask alike; the metric and the breakdown are put in later."""
    given = {
        "touchpoint": touchpoint,
        "stage": stage,
        "staff": staff,
        "channel": channel,
        "locale": locale,
        "segment": None if segment is None else str(segment),
        "persona": persona,
    }
    filters = {name: value for name, value in given.items() if value is not None}
    return asking.Query("nps", None, survey, question, filters, persons, verification, with_partial, level)


Asked = Annotated[asking.Query, Depends(_asked)]


def _figure(metric: Metric) -> Callable[..., Awaitable[Response]]:
    async def figure(
        request: Request,
        metrics: Metrics,
        asked: Asked,
        first: First = None,
        last: Last = None,
        by: Annotated[By | None, Query(description="Also by the values of this.")] = None,
        compare_from: Annotated[Day | None, Query(description="First day to compare with.")] = None,
        compare_to: Annotated[Day | None, Query(description="Last day to compare with.")] = None,
        known_at: KnownAt = None,
    ) -> Response:
        if (compare_from is None) != (compare_to is None):
            raise BadComparison
        other = None if compare_from is None or compare_to is None else (compare_from, compare_to)
        wanted = replace(asked, metric=metric, by=by)
        if known_at is not None:
            if first is not None or other is not None or wanted != asking.Query(metric):
                raise KnownAsAWhole
            believed = await metrics.knowledge.figure(metric, known_at, as_of=last)
            return aged(request, orjson.dumps(believed), _AGES)
        seen = await metrics.satisfaction.figure(wanted, first=first, last=last, compare_with=other)
        return aged(request, SatisfactionOut.of(wanted, seen), _AGES)

    return figure


def _series(metric: Metric) -> Callable[..., Awaitable[Response]]:
    async def series(
        request: Request,
        metrics: Metrics,
        asked: Asked,
        first: Annotated[
            Day | None, Query(alias="from", description="First day; default: some periods before `to`.")
        ] = None,
        last: Last = None,
        period: Period = "week",
    ) -> Response:
        wanted = replace(asked, metric=metric)
        seen = await metrics.satisfaction.series(wanted, period, first=first, last=last)
        out = SatisfactionSeriesOut(
            **frame(wanted),
            time_zone=seen.time_zone,
            as_of=seen.as_of,
            staleness_seconds=seen.staleness_seconds,
            period=period,
            points=[
                PointOut(
                    **LineOut.of(each.line, wanted.level).model_dump(),
                    start=each.start,
                    end=each.end,
                    is_complete=each.is_complete,
                )
                for each in seen.points
            ],
        )
        return aged(request, out, _AGES)

    return series


_REFUSALS = (InTheFuture, BadRange, MixedFormulas, UnknownPersona, TwoSegments)
_NAMES = {"nps": "NPS", "csat": "CSAT (top two steps)", "ces": "CES, by the formula of its survey,"}
for _metric in METRICS:
    router.get(
        f"/{_metric}",
        name=_metric,
        dependencies=_READ,
        response_model=SatisfactionOut,
        responses=UNMODIFIED
        | problems(
            InTheFuture, BadRange, BadComparison, MixedFormulas, UnknownPersona, TwoSegments, KnownAsAWhole, *UNKNOWABLE
        ),
        description=f"{_NAMES[_metric]} over local days: with its interval, who answered and who did not, by a "
        "breakdown, and beside other days. An answer counts on the day it was given, at the place it was given, and "
        "for the segments its person is in now. With `known_at` it is answered of everybody, over the 90 days to `to`, "
        "as it was believed to be at that moment.",
    )(_figure(_metric))
    router.get(
        f"/{_metric}/series",
        name=f"{_metric}_series",
        dependencies=_READ,
        response_model=SatisfactionSeriesOut,
        responses=UNMODIFIED
        | problems(InTheFuture, BadRange, MixedFormulas, UnknownPersona, TwoSegments, OneDimension),
        description=f"{_NAMES[_metric]} of each day, week (from Monday) or month that the days touch; "
        "invitations are not shown here.",
    )(_series(_metric))


@router.get("/ces-formulas", dependencies=_READ)
async def ces_formulas(metrics: Metrics) -> FormulasOut:
    """Surveys whose CES is not the mean."""
    return await metrics.yardsticks.formulas()


@router.put(
    "/ces-formulas/{survey}",
    dependencies=_WRITE,
    response_model=FormulaOut,
    responses=problems(BadIdempotencyKey, NoSuchSurvey, FormulaFixed),
)
async def fix_ces_formula(survey: UUID, body: FormulaIn, metrics: Metrics, idem: IdempotencyKey) -> Response:
    """Say how a survey makes its CES, once and for good."""
    return answer(await metrics.yardsticks.fix_formula(survey, body.formula, idem))


@router.get("/benchmarks", dependencies=_READ)
async def benchmarks(metrics: Metrics) -> YardsticksOut:
    """The benchmarks the firm entered. None comes with the product."""
    return await metrics.yardsticks.listed("benchmark")


@router.put(
    "/benchmarks/{metric}/{name}",
    dependencies=_WRITE,
    response_model=YardstickOut,
    responses=problems(BadIdempotencyKey),
)
async def put_benchmark(
    metric: Metric, name: Annotated[ExternalId, Path()], body: BenchmarkIn, metrics: Metrics, idem: IdempotencyKey
) -> Response:
    """Enter a benchmark with its source and date; it is shown beside the figure."""
    entered = Yardstick("benchmark", metric, name, body.value, body.source, None, body.dated)
    return answer(await metrics.yardsticks.put(entered, idem))


@router.delete(
    "/benchmarks/{metric}/{name}",
    dependencies=_WRITE,
    status_code=204,
    response_model=None,
    responses=problems(BadIdempotencyKey, NoSuchYardstick),
)
async def remove_benchmark(
    metric: Metric, name: Annotated[ExternalId, Path()], metrics: Metrics, idem: IdempotencyKey
) -> Response:
    """Remove a benchmark."""
    return answer(await metrics.yardsticks.remove("benchmark", metric, name, idem))


@router.get("/targets", dependencies=_READ)
async def targets(metrics: Metrics) -> YardsticksOut:
    """The firm's own aims."""
    return await metrics.yardsticks.listed("target")


@router.put(
    "/targets/{metric}", dependencies=_WRITE, response_model=YardstickOut, responses=problems(BadIdempotencyKey)
)
async def put_target(metric: Metric, body: TargetIn, metrics: Metrics, idem: IdempotencyKey) -> Response:
    """Set the aim for a metric, with who answers for it and by when."""
    entered = Yardstick("target", metric, "", body.value, None, body.owner, body.dated)
    return answer(await metrics.yardsticks.put(entered, idem))


@router.delete(
    "/targets/{metric}",
    dependencies=_WRITE,
    status_code=204,
    response_model=None,
    responses=problems(BadIdempotencyKey, NoSuchYardstick),
)
async def remove_target(metric: Metric, metrics: Metrics, idem: IdempotencyKey) -> Response:
    """Remove an aim."""
    return answer(await metrics.yardsticks.remove("target", metric, "", idem))
