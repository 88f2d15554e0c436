"""The card as JSON. Every figure explains itself, and every explanation of a change sums to it exactly."""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.metrics.alarms.repository.raised import RaisedAlarm
from services.metrics.domain.figure import Figure
from services.metrics.domain.intervals import Interval
from services.metrics.figures.schemas import FigureOut, IntervalOut
from services.metrics.schemas import DaysOut
from services.metrics.scorecard.domain.card import SENTENCES, Card, Explained, Group, Line, Reason, Trend
from services.metrics.scorecard.domain.definitions import SCORECARD
from services.metrics.scorecard.domain.drafts import decimal
from services.metrics.scorecard.domain.lights import Better, Light, Verdict
from services.metrics.scorecard.schemas.targets import TargetOut
from shared.http.schemas import Instant


def _figure(figure: Figure) -> FigureOut:
    return FigureOut.model_validate(figure)


def _interval(found: Interval | None) -> IntervalOut | None:
    return None if found is None else IntervalOut.model_validate(found)


class WhyOut(BaseModel):
    """Why something cannot be said."""

    code: Reason
    detail: str

    @classmethod
    def of(cls, reason: Reason | None) -> "WhyOut | None":
        """The reason with its sentence."""
        return None if reason is None else cls(code=reason, detail=SENTENCES[reason])


class TrendOut(BaseModel):
    """This period less the one before."""

    before: FigureOut
    difference: float = Field(description="In the figure's unit; money in major units.")
    interval: IntervalOut | None = Field(description="Of the difference; null: a count of all there is, or unknown.")
    p_value: float | None = Field(description="null: there is no test for it.")
    adjusted_p_value: float | None = Field(
        description="By Benjamini and Hochberg, over all comparisons of the card; null: there is no test for it."
    )
    smallest_detectable: float | None = Field(
        description="The true change this test finds with a power of 80 %; null: there is no test for it."
    )
    is_significant: bool | None = Field(description="null: there is no chance in it, or no test for it.")
    verdict: Verdict | None
    cautions: list[str] = Field(
        description="few_answers; same_people: the test takes both periods for different people, and is too careful."
    )

    @classmethod
    def of(cls, trend: Trend) -> "TrendOut":
        """The trend on the wire."""
        return cls.model_construct(
            before=_figure(trend.before),
            difference=trend.difference,
            interval=_interval(trend.interval),
            p_value=trend.p_value,
            adjusted_p_value=trend.adjusted_p,
            smallest_detectable=trend.smallest_detectable,
            is_significant=trend.is_significant,
            verdict=trend.verdict,
            cautions=list(trend.cautions),
        )


class LineOut(BaseModel):
    """A figure: what it is, where it goes, what it should be."""

    key: str
    better: Better = Field(description="Which way is better.")
    figure: FigureOut
    cannot_say: WhyOut | None = Field(description="Why there is no value; null: there is one.")
    trend: TrendOut | None = Field(description="null: of one of the two periods nothing can be said.")
    target: TargetOut | None = Field(description="null: nobody set one.")
    light: Light = Field(
        description="met or missed: the whole interval lies there; cannot_say: the target lies within it."
    )

    @classmethod
    def of(cls, line: Line) -> "LineOut":
        """The line on the wire."""
        return cls.model_construct(
            key=line.key,
            better=line.better,
            figure=_figure(line.figure),
            cannot_say=WhyOut.of(line.reason),
            trend=None if line.trend is None else TrendOut.of(line.trend),
            target=None if line.target is None else TargetOut.of(line.target),
            light=line.light,
        )


class GroupOut(BaseModel):
    """A segment. Who is in it now counts, for days gone too; segments overlap, and do not add up."""

    segment: UUID
    personas: list[str]
    lines: list[LineOut]

    @classmethod
    def of(cls, group: Group) -> "GroupOut":
        """The group on the wire."""
        return cls(
            segment=group.segment, personas=list(group.personas), lines=[LineOut.of(each) for each in group.lines]
        )


class PartOut(BaseModel):
    """What one factor, or one part of the whole, adds."""

    name: str = Field(description="A factor; or a value of `by`, empty where nobody said.")
    effect: Literal["mix", "rate"] | None = Field(
        description="mix: there are more or fewer of them; rate: they changed. null: a factor."
    )
    amount: float | str = Field(description="In the unit of the figure; money is a decimal string.")
    exact: str = Field(description="A fraction; of money in minor units. These sum to `exact_change`.")


class ExplainedOut(BaseModel):
    """Why a figure changed."""

    key: str
    definition: str
    figure_definition: str
    method: Literal["shapley", "mix_and_rate", "flows"]
    by: str
    unit: str
    currency: str | None
    before: float | str | None
    after: float | str | None
    change: float | str | None
    exact_change: str | None = Field(description="A fraction; of money in minor units.")
    numerator: str | None = Field(description="Of the exact change.")
    denominator: str | None
    parts: list[PartOut] = Field(description="The largest first. They sum to the change exactly.")
    cannot_say: WhyOut | None = Field(description="Why the change is not explained; null: it is.")
    as_of: date
    time_zone: str
    staleness_seconds: float | None
    parameters: dict[str, int | float | str]

    @classmethod
    def of(cls, found: Explained, card: Card) -> "ExplainedOut":
        """The explanation on the wire."""
        change = found.change
        figure = next((line.figure.definition for line in card.lines if line.key == found.key), "")
        parts = sorted(found.parts, key=lambda each: (-abs(each.amount), each.name, each.effect or ""))
        return cls(
            key=found.key,
            definition=SCORECARD["contribution"].id,
            figure_definition=figure,
            method=found.method,
            by=found.by,
            unit=found.unit,
            currency=found.currency,
            before=_shown(found, found.before),
            after=_shown(found, found.after),
            change=_shown(found, change),
            exact_change=None if change is None else str(change),
            numerator=None if change is None else str(change.numerator),
            denominator=None if change is None else str(change.denominator),
            parts=[
                PartOut(
                    name=each.name, effect=each.effect, amount=_shown(found, each.amount) or 0, exact=str(each.amount)
                )
                for each in parts
            ],
            cannot_say=WhyOut.of(found.reason),
            as_of=card.as_of,
            time_zone=card.time_zone,
            staleness_seconds=card.staleness_seconds,
            parameters={"days": card.days, "method": found.method, "by": found.by},
        )


def _shown(found: Explained, amount: Fraction | None) -> float | str | None:
    if amount is None:
        return None
    return float(amount) if found.currency is None else decimal(amount, found.currency)


class AlarmOut(BaseModel):
    """An alarm that stands: a figure that changed, surely, and when."""

    name: str
    metric: str
    definition: str
    dimension: str | None
    value: str | None
    direction: str
    change_day: date
    raised_at: Instant
    before: float
    since: float | None
    unit: str
    owner: str | None
    acknowledged_at: Instant | None

    @classmethod
    def of(cls, alarm: RaisedAlarm) -> "AlarmOut":
        """The alarm on the wire."""
        return cls.model_validate({name: getattr(alarm, name) for name in cls.model_fields})


class ScoreCardOut(BaseModel):
    """What an executive must know of customers, on one page."""

    as_of: date
    generated_at: Instant
    time_zone: str
    staleness_seconds: float | None = Field(description="How old the knowledge behind it is: 0 is live, null: unknown.")
    days: int
    period: DaysOut
    before: DaysOut
    currency: str | None
    lines: list[LineOut] = Field(description="Of all customers.")
    segments: list[GroupOut] = Field(description="Of segments, those first that a persona describes.")
    is_cut: bool = Field(description="There are more segments than are shown.")
    what_changed: list[ExplainedOut] = Field(description="What changed most, relative to what it was, first.")
    alarms: list[AlarmOut] = Field(description="Alarms that stand now.")

    @classmethod
    def of(cls, card: Card, alarms: Sequence[RaisedAlarm]) -> "ScoreCardOut":
        """The card on the wire."""
        return cls.model_construct(
            as_of=card.as_of,
            generated_at=card.now,
            time_zone=card.time_zone,
            staleness_seconds=card.staleness_seconds,
            days=card.days,
            period=DaysOut.of(card.period),
            before=DaysOut.of(card.before),
            currency=card.currency,
            lines=[LineOut.of(each) for each in card.lines],
            segments=[GroupOut.of(each) for each in card.groups],
            is_cut=card.is_cut,
            what_changed=[ExplainedOut.of(each, card) for each in card.explained],
            alarms=[AlarmOut.of(each) for each in alarms],
        )
