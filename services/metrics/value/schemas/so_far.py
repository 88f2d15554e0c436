"""Wire forms of what customers have brought so far."""

from datetime import date
from typing import Literal, Self

from pydantic import BaseModel, Field

from services.metrics.domain import calendar
from services.metrics.figures.schemas import FigureOut
from services.metrics.value.domain.so_far import Part, SoFar
from services.metrics.value.schemas.estimates import major


class PartOut(BaseModel):
    """Gross less refunds of one currency, and what it came to; decimal strings in major units."""

    currency: str
    net: str
    converted: str | None = Field(description="null: no rate is known.")

    @classmethod
    def of(cls, part: Part, into: str) -> Self:
        """As added up."""
        return cls(
            currency=part.currency,
            net=major(part.net_minor, part.currency),
            converted=None if part.into_minor is None else major(part.into_minor, into),
        )


class NoRateOut(BaseModel):
    """Why it cannot be said."""

    code: Literal["no_rate"] = "no_rate"
    detail: str
    currency: str
    day: date


class SoFarOut(BaseModel):
    """What a customer has brought on the mean, in whatever currency, all in one."""

    as_of: date
    time_zone: str
    staleness_seconds: float | None
    currency: str | None = Field(description="null: there is no order yet.")
    historical_clv_converted: FigureOut | None = Field(description="null: it cannot be said, see reasons.")
    currencies: list[PartOut]
    reasons: list[NoRateOut] = Field(description="Why it cannot be said; empty: it can, or there is no order yet.")

    @classmethod
    def of(cls, found: SoFar) -> Self:
        """As answered."""
        into = found.currency
        return cls(
            as_of=found.frame.as_of,
            time_zone=found.frame.time_zone,
            staleness_seconds=found.frame.staleness_seconds,
            currency=into,
            historical_clv_converted=None if found.figure is None else FigureOut.model_validate(found.figure),
            currencies=[] if into is None else [PartOut.of(each, into) for each in found.parts],
            reasons=[]
            if into is None
            else [_no_rate(each, into) for each in found.parts if each.lacks_day is not None],
        )


def _no_rate(part: Part, into: str) -> NoRateOut:
    day = calendar.to_date(part.lacks_day or 0)
    return NoRateOut(
        detail=f"No rate of {part.currency} into {into} is known for {day}: enter one with PUT "
        "/v1/metrics/subscriptions/rates, or ask for another currency.",
        currency=part.currency,
        day=day,
    )
