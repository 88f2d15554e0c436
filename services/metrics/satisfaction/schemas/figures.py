"""Wire models of the figures of satisfaction."""

from datetime import date, datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from services.metrics.domain.figure import CannotSay
from services.metrics.domain.intervals import wilson
from services.metrics.satisfaction.domain.definitions import SATISFACTION
from services.metrics.satisfaction.domain.query import Query
from services.metrics.satisfaction.domain.report import Compared, Line, Response
from services.metrics.satisfaction.domain.scores import TOO_FEW_ANONYMOUS
from services.metrics.satisfaction.domain.seen import Seen
from services.metrics.satisfaction.schemas.own import YardstickOut
from services.metrics.schemas import DaysOut, Explained, Explaining

NO_ANSWER = CannotSay("no_data", "Nobody gave an answer that counts here in these days.")
WITHHELD = CannotSay("too_few_anonymous", TOO_FEW_ANONYMOUS)


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class IntervalOut(_Out):
    """Where the true value lies, with probability `level`, in the figure's unit."""

    low: float
    high: float
    level: float
    method: str = Field(description="adjusted_wald (around the adjusted centre, not the value), wilson or newcombe.")


class ScaleOut(BaseModel):
    """How many answers had each score, on one scale."""

    lowest: int
    highest: int
    counts: dict[int, int]


class RateOut(Explained):
    """A share, with Wilson's interval."""

    value: float
    interval: IntervalOut


class ResponseOut(BaseModel):
    """Who was invited on these days, and what became of it by now."""

    invited: int
    delivered: int = Field(description="Reached: the channel took it, or an answer came.")
    expired: int
    responded: int = Field(description="Answered, wholly or in part. Of anonymous surveys: answers of these days.")
    completed: int
    silent: int = Field(description="Delivered and not responded.")
    response_rate: RateOut | None = Field(description="Responded of delivered; null: nobody was reached.")
    completion_rate: RateOut | None = Field(description="Completed of responded; null: nobody responded.")


class BoundsOut(BaseModel):
    """The figure if everybody who was reached and silent had given the worst answer, and if all the best."""

    low: float
    high: float


class ComparedOut(Explained):
    """The other days beside these."""

    value: float | None
    n: int
    difference: float = Field(description="This less the other, in the figure's unit.")
    interval: IntervalOut = Field(description="Of the difference.")
    p_value: float = Field(description="How likely so large a difference is by chance, if there is none.")
    adjusted_p_value: float = Field(description="The same by Benjamini and Hochberg, over the values of a breakdown.")
    is_significant: bool = Field(description="Whether the adjusted p-value lies below 1 − level.")
    smallest_detectable: float = Field(description="The true change that this test would find with a power of 80 %.")
    cautions: list[str] = Field(description="response_rates_differ: other people may have answered. few_answers.")


class LineOut(Explained):
    """A figure with all that one must know to believe it."""

    group: str | None = Field(description="The value of the breakdown; null: all. Empty: nobody said.")
    value: float | None = Field(description="In `unit`; null: no answer, or too few anonymous ones to be shown.")
    unit: str = Field(description="points (−100 to 100), percent, or score (on the scale).")
    is_withheld: bool = Field(description="Fewer than five answered anonymously: nothing of it is shown.")
    n: int | None = Field(description="How many answers it is made of.")
    effective_n: float | None = Field(description="How many equally weighted answers they are worth.")
    unweighted: float | None = Field(description="The value without weights; null: sampling gave none.")
    buckets: dict[str, int]
    histogram: list[ScaleOut]
    interval: IntervalOut | None
    unverified: int | None = Field(description="Answers inferred from a click that no person confirmed.")
    response: ResponseOut | None = Field(description="Null where invitations are not kept by this dimension.")
    if_silent: BoundsOut | None = Field(description="null: nobody who was reached is silent, or that is not known.")
    compared: ComparedOut | None = Field(description="null: it was not asked for, or one side has no answers.")

    @classmethod
    def of(cls, line: Line, level: float) -> "LineOut":
        """The line on the wire."""
        reading, bounds = line.reading, line.silent_bounds
        return cls(
            group=line.value,
            value=None if reading is None else reading.value,
            unit=line.measure.unit,
            definition=line.measure.definition,
            numerator=None if reading is None else reading.sum,
            denominator=None if reading is None else reading.n,
            cannot_say=WITHHELD if reading is None else NO_ANSWER if reading.value is None else None,
            is_withheld=reading is None,
            n=None if reading is None else reading.n,
            effective_n=None if reading is None else round(reading.effective_n, 3),
            unweighted=None if reading is None else reading.unweighted,
            buckets={} if reading is None else dict(reading.buckets),
            histogram=[ScaleOut(lowest=low, highest=high, counts=dict(counts)) for low, high, counts in line.histogram],
            interval=_interval(None if reading is None else reading.interval),
            unverified=line.unverified,
            response=None if line.response is None else _response(line.response, level),
            if_silent=None if bounds is None else BoundsOut(low=bounds[0], high=bounds[1]),
            compared=None if line.compared is None else _compared(line.compared, line.measure.definition),
        )


def _interval(found: Any) -> IntervalOut | None:
    return None if found is None else IntervalOut.model_validate(found)


def _response(found: Response, level: float) -> ResponseOut:
    rate = found.rate(level)
    return ResponseOut(
        invited=found.invited,
        delivered=found.delivered,
        expired=found.expired,
        responded=found.responded,
        completed=found.completed,
        silent=found.silent,
        response_rate=None
        if rate is None
        else RateOut(
            value=rate[0],
            interval=IntervalOut.model_validate(rate[1]),
            definition=SATISFACTION["response_rate"].id,
            numerator=min(found.responded, found.delivered),
            denominator=found.delivered,
        ),
        completion_rate=None
        if found.completion is None
        else RateOut(
            value=found.completion,
            interval=IntervalOut.model_validate(wilson(min(found.completed, found.responded), found.responded, level)),
            definition=SATISFACTION["completion_rate"].id,
            numerator=found.completed,
            denominator=found.responded,
        ),
    )


def _compared(found: Compared, definition: str) -> ComparedOut:
    comparison = found.comparison
    return ComparedOut(
        definition=definition,
        numerator=found.reading.sum,
        denominator=found.reading.n,
        value=found.reading.value,
        n=found.reading.n,
        difference=comparison.difference,
        interval=IntervalOut.model_validate(comparison.interval),
        p_value=comparison.p_value,
        adjusted_p_value=found.adjusted_p,
        is_significant=found.is_significant,
        smallest_detectable=comparison.smallest_detectable,
        cautions=list(found.cautions),
    )


class _Answer(Explaining):
    metric: str
    time_zone: str
    as_of: datetime
    staleness_seconds: float | None = Field(description="How old the knowledge behind it is: 0 is live, null: unknown.")
    persons: str = Field(description="latest: the newest answer of a person to a question in these days; all: each.")
    verification: str
    with_partial: bool
    filters: dict[str, str]

    def made_by(self) -> dict[str, int | float | str]:
        """Which answers count."""
        return {"persons": self.persons, "verification": self.verification, "with_partial": int(self.with_partial)}


def frame(query: Query) -> dict[str, Any]:
    """What an answer says of its query."""
    own = {"survey": query.survey, "question": query.question}
    return {
        "metric": query.metric,
        "persons": query.persons,
        "verification": query.verification,
        "with_partial": query.with_partial,
        "filters": {name: str(value) for name, value in own.items() if value is not None} | query.filters,
    }


class SatisfactionOut(_Answer):
    """A figure of satisfaction, by a breakdown if asked, and what it is held against."""

    days: DaysOut
    compared_with: DaysOut | None = Field(description="null: it was not asked for.")
    by: str | None
    total: LineOut | None = Field(description="Null: these surveys make their CES differently, and it has no total.")
    groups: list[LineOut]
    withheld: int = Field(description="Groups of which nothing is shown, for fewer than five answered anonymously.")
    benchmarks: list[YardstickOut]
    targets: list[YardstickOut]

    @classmethod
    def of(cls, query: Query, seen: Seen) -> Self:
        """As found."""
        found = seen.report
        yardsticks = [YardstickOut.model_validate(each) for each in seen.yardsticks]
        return cls(
            **frame(query),
            time_zone=seen.time_zone,
            as_of=seen.as_of,
            staleness_seconds=seen.staleness_seconds,
            days=DaysOut.of(found.days),
            compared_with=None if found.compared_with is None else DaysOut.of(found.compared_with),
            by=query.by,
            total=None if found.total is None else LineOut.of(found.total, query.level),
            groups=[LineOut.of(each, query.level) for each in found.groups],
            withheld=found.withheld,
            benchmarks=[each for each in yardsticks if each.kind == "benchmark"],
            targets=[each for each in yardsticks if each.kind == "target"],
        )


class PointOut(LineOut):
    """The figure of one period."""

    start: date
    end: date
    is_complete: bool = Field(description="Whether the period is over.")


class SatisfactionSeriesOut(_Answer):
    """A figure of satisfaction through time."""

    period: str
    points: list[PointOut]
