"""The card: which figures it has, and what a line of it says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Literal, NamedTuple
from uuid import UUID

from services.metrics.domain.figure import Figure, number
from services.metrics.domain.intervals import Interval
from services.metrics.satisfaction.domain.query import Days
from services.metrics.satisfaction.domain.scores import TOO_FEW_ANONYMOUS
from services.metrics.scorecard.domain.lights import Better, Light, Verdict, light, verdict

Reason = Literal[
    "no_data",
    "too_few_anonymous",
    "mixed_formulas",
    "not_by_segment",
    "not_computed_yet",
    "no_currency",
    "no_base",
    "no_model",
    "empty_period",
    "too_costly",
    "no_rate",
]
SENTENCES: Mapping[Reason, str] = {
    "no_data": "Nothing was heard that it could be made of.",
    "too_few_anonymous": TOO_FEW_ANONYMOUS,
    "mixed_formulas": "The surveys make their CES by different formulas; these cannot be added.",
    "not_by_segment": "It is not kept by segment.",
    "not_computed_yet": "It costs too much to be read, and the clock has not computed it yet.",
    "no_currency": "There is no order yet, and so no currency.",
    "no_base": "There is nothing in the period before to compare with.",
    "no_model": "No model is served; its own page says why.",
    "empty_period": "In one of the two periods there was nothing.",
    "no_rate": "There is revenue in several currencies, and no rate to bring it into one.",
    "too_costly": "It looks at every order of the period, and is computed for shorter periods alone.",
}


class Kind(NamedTuple):
    """A figure of the card: which way is better, and in what a target is given."""

    better: Better
    unit: str
    by_segment: bool


KINDS: Mapping[str, Kind] = {
    "revenue": Kind("higher", "money", by_segment=True),
    "lapse_rate": Kind("lower", "ratio", by_segment=True),
    "churn_rate": Kind("lower", "ratio", by_segment=False),
    "mrr": Kind("higher", "money", by_segment=True),
    "historical_clv": Kind("higher", "money", by_segment=False),
    "predicted_clv": Kind("higher", "money", by_segment=True),
    "nps": Kind("higher", "points", by_segment=True),
    "csat": Kind("higher", "percent", by_segment=True),
    "ces": Kind("higher", "score", by_segment=True),
    "delivery_gap": Kind("lower", "points", by_segment=True),
    "earned_growth_rate": Kind("higher", "ratio", by_segment=True),
    "active_members": Kind("higher", "customers", by_segment=True),
    "points_earned": Kind("higher", "count", by_segment=True),
    "points_redeemed": Kind("higher", "count", by_segment=True),
    "redemption_rate": Kind("higher", "ratio", by_segment=True),
    "complaints_opened": Kind("lower", "count", by_segment=True),
    "complaints_open": Kind("lower", "count", by_segment=True),
    "complaints_late": Kind("lower", "count", by_segment=True),
}


class Target(NamedTuple):
    """What a figure shall be, who answers for it, and by when. `segment` '' is everybody; `value` None: no more."""

    id: UUID
    figure: str
    segment: str
    version: int
    value: float | None
    currency: str | None
    owner: str | None
    due: date | None
    note: str | None
    entered_at: datetime
    entered_by: str


@dataclass(frozen=True, slots=True)
class Trend:
    """This period less the one before. Without `interval` both are counts of all there is, and no chance is in it."""

    before: Figure
    difference: float
    interval: Interval | None
    p_value: float | None
    adjusted_p: float | None
    smallest_detectable: float | None
    is_significant: bool | None
    verdict: Verdict | None
    cautions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of one group: what it is, where it goes, what it should be, and whether it is."""

    key: str
    figure: Figure
    reason: Reason | None
    trend: Trend | None
    target: Target | None
    light: Light

    @property
    def better(self) -> Better:
        """Which way is better."""
        return KINDS[self.key].better


@dataclass(frozen=True, slots=True)
class Group:
    """The lines of a segment; of a persona too, where one describes it."""

    segment: UUID
    personas: Sequence[str]
    lines: Sequence[Line]


class Part(NamedTuple):
    """What one factor, or one part of the whole, adds to a change. `effect` is mix or rate, of parts."""

    name: str
    effect: Literal["mix", "rate"] | None
    amount: Fraction


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a figure changed: parts that sum to the change exactly. In minor units, of money in whole."""

    key: str
    method: Literal["shapley", "mix_and_rate", "flows"]
    by: str
    unit: str
    currency: str | None
    before: Fraction | None
    after: Fraction | None
    parts: Sequence[Part]
    reason: Reason | None

    @property
    def change(self) -> Fraction | None:
        """After less before."""
        return None if self.after is None or self.before is None else self.after - self.before


@dataclass(frozen=True, slots=True)
class Card:
    """Everything on the page."""

    as_of: date
    now: datetime
    period: Days
    before: Days
    days: int
    time_zone: str
    staleness_seconds: float | None
    currency: str | None
    lines: Sequence[Line]
    groups: Sequence[Group]
    is_cut: bool
    explained: Sequence[Explained]


def lit(key: str, figure: Figure, target: Target | None) -> Light:
    """The light of a figure."""
    aim = None if target is None else target.value
    if target is not None and target.currency not in (None, figure.currency):
        aim = None
    return light(number(figure), figure.interval, aim, KINDS[key].better)


def judged(key: str, difference: float | None, is_significant: bool | None) -> Verdict | None:
    """Whether a change of a figure is for the better."""
    return verdict(difference, is_significant, KINDS[key].better)
