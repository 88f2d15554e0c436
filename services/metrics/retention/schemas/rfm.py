"""Wire forms of recency, frequency and money."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.metrics.domain.calendar import to_date
from services.metrics.domain.figure import Frame
from services.metrics.figures.schemas import FigureOut
from services.metrics.retention.domain.report import CustomerRfm, RfmAnswer
from services.metrics.retention.domain.rfm import Crowd, Cuts, Group, Scores, Segment, Total
from services.metrics.retention.schemas.common import Answer, WhyOut, head, out, whys
from shared.money import EXPONENTS, to_decimal_string

SCHEME: Literal["quintiles.v1"] = "quintiles.v1"


class CutsOut(BaseModel):
    """A score is 1, plus one for each cut point that is exceeded; frequency is 1 for one order, else from 2 on."""

    last_purchase: list[date]
    orders: list[int]
    net: list[str]

    @classmethod
    def of(cls, cuts: Cuts, currency: str) -> "CutsOut":
        """On the wire."""
        return cls(
            last_purchase=[to_date(day) for day in cuts.recency],
            orders=list(cuts.frequency),
            net=[_major(minor, currency) for minor in cuts.money],
        )


class ScoresOut(BaseModel):
    """From 1 to 5, 5 the best."""

    recency: int
    frequency: int
    money: int

    @classmethod
    def of(cls, scores: Scores) -> "ScoresOut":
        """On the wire."""
        return cls(recency=scores.recency, frequency=scores.frequency, money=scores.money)


class SegmentOut(BaseModel):
    """All customers of a segment."""

    segment: Segment
    customers: FigureOut
    share: FigureOut
    net: FigureOut
    mean_orders: float | None = Field(description="null: nobody is in it.")
    mean_days_away: float | None = Field(description="null: nobody is in it.")

    @classmethod
    def of(cls, frame: Frame, total: Total, customers: int, currency: str) -> "SegmentOut":
        """On the wire."""
        return cls(
            segment=total.segment,
            customers=out(frame.plain("rfm_customers", total.customers, segment=total.segment, scheme=SCHEME)),
            share=out(frame.ratio("rfm_share", total.customers, customers, segment=total.segment)),
            net=out(frame.money("rfm_net", total.net_minor, currency, segment=total.segment)),
            mean_orders=total.orders / total.customers if total.customers else None,
            mean_days_away=total.away_days / total.customers if total.customers else None,
        )


class GroupOut(BaseModel):
    """Customers with the same three scores."""

    scores: ScoresOut
    segment: Segment
    customers: int
    orders: int
    net: str

    @classmethod
    def of(cls, group: Group, currency: str) -> "GroupOut":
        """On the wire."""
        return cls(
            scores=ScoresOut.of(group.scores),
            segment=group.scores.segment,
            customers=group.customers,
            orders=group.orders,
            net=_major(group.net_minor, currency),
        )


class RfmOut(Answer):
    """The customers of one currency by recency, frequency and money."""

    scheme: Literal["quintiles.v1"]
    currency: str | None
    customers: int = Field(description="Whose purchases are all in this currency: the sum of all segments.")
    others: dict[str, int] = Field(description="Customers of other currencies; `*`: of several, which are not added.")
    cut_points: CutsOut | None
    segments: list[SegmentOut]
    groups: list[GroupOut] | None = Field(
        description="By all three scores. Everybody is looked at, so of many customers in the background; null: they "
        "were not yet."
    )
    groups_staleness_seconds: float | None = Field(description="How old they are; cut points may have moved since.")
    reasons: list[WhyOut] = Field(description="Why they cannot be scored; empty: they are.")

    @classmethod
    def of(cls, answer: RfmAnswer) -> "RfmOut":
        """As answered."""
        crowd = answer.crowd
        number = 0 if crowd is None else crowd.customers
        shown = None if answer.reasons else crowd
        return cls(
            **head(answer.frame),
            scheme=SCHEME,
            currency=answer.currency,
            customers=number,
            others=answer.others,
            cut_points=None if shown is None else CutsOut.of(shown.cuts, shown.currency),
            segments=[SegmentOut.of(answer.frame, each, number, answer.currency or "") for each in answer.totals],
            groups=_groups(answer, shown),
            groups_staleness_seconds=answer.groups_frame.staleness_seconds,
            reasons=whys(answer.reasons),
        )


class CustomerRfmOut(Answer):
    """One customer's own scores, by the cut points of all."""

    scheme: Literal["quintiles.v1"]
    customer: UUID
    keys: list[UUID]
    currency: str | None
    last_purchase: date | None
    orders: int
    net: str | None
    segment: FigureOut
    scores: ScoresOut | None
    cut_points: CutsOut | None
    reasons: list[WhyOut] = Field(description="Why there are no scores; empty: there are.")

    @classmethod
    def of(cls, one: CustomerRfm) -> "CustomerRfmOut":
        """As answered."""
        code, scores = one.currency, one.scores
        return cls(
            **head(one.frame),
            scheme=SCHEME,
            customer=one.customer,
            keys=list(one.keys),
            currency=code,
            last_purchase=None if one.last_day is None else to_date(one.last_day),
            orders=one.orders,
            net=None if one.net_minor is None or code is None else _major(one.net_minor, code),
            segment=out(one.frame.plain("rfm_segment", None if scores is None else scores.segment, scheme=SCHEME)),
            scores=None if scores is None else ScoresOut.of(scores),
            cut_points=None if one.cuts is None or code is None else CutsOut.of(one.cuts, code),
            reasons=whys(one.reasons),
        )


def _groups(answer: RfmAnswer, shown: Crowd | None) -> list[GroupOut] | None:
    if shown is None:
        return []
    return None if answer.groups is None else [GroupOut.of(each, shown.currency) for each in answer.groups]


def _major(minor: int, currency: str) -> str:
    return to_decimal_string(minor, currency) if currency in EXPONENTS else str(minor)
