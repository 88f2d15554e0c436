"""Wire models of figures of subscriptions."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import date

from pydantic import BaseModel, Field

from services.metrics.domain.calendar import Period
from services.metrics.domain.figure import Figure
from services.metrics.figures.schemas import FigureOut, IntervalOut
from services.metrics.schemas import DaysOut
from services.metrics.subscriptions.domain.cohorts import Cohorts
from services.metrics.subscriptions.domain.policy import Policy, Recognition
from services.metrics.subscriptions.domain.report import Churn, Money, Movements, Reason, Revenue, Value, Why
from services.metrics.subscriptions.schemas.own import RecountOut

Figures = dict[str, FigureOut]


def figure_out(figure: Figure) -> FigureOut:
    """A figure on the wire."""
    # Of hundreds: what comes from our own arithmetic is not validated one by one.
    values = {each.name: getattr(figure, each.name) for each in fields(figure)}
    interval = None if figure.interval is None else IntervalOut.model_validate(figure.interval)
    return FigureOut.model_construct(**values | {"interval": interval})


def figures_out(figures: Mapping[str, Figure]) -> Figures:
    """Figures by name on the wire."""
    return {name: figure_out(each) for name, each in figures.items()}


class WhyOut(BaseModel):
    """Why something cannot be said, and what is missing."""

    code: Reason
    detail: str
    currency: str | None = None
    day: date | None = None

    @classmethod
    def of(cls, why: Why) -> "WhyOut":
        """As found."""
        return cls.model_validate(why._asdict())


class HeldOut(BaseModel):
    """The policy that figures are counted by."""

    version: int
    recognition: Recognition
    grace_days: int
    dunning_days: int | None
    pause_is_churn: bool
    free_is_churn: bool

    @classmethod
    def of(cls, policy: Policy) -> "HeldOut":
        """As it holds."""
        return cls(**policy._asdict())


class MoneyOut(BaseModel):
    """Money of each currency by itself, and all of it brought into one."""

    by_currency: dict[str, Figures]
    currency: str | None = Field(
        description="Into which all is brought: asked for, else the firm's, else the only one."
    )
    total: Figures | None = Field(description="All of it in `currency`, by the firm's own rates; null: see `reasons`.")
    reasons: list[WhyOut]

    @classmethod
    def of(cls, money: Money) -> "MoneyOut":
        """As found."""
        return cls(
            by_currency={code: figures_out(each) for code, each in money.by_currency.items()},
            currency=money.currency,
            total=None if money.together is None else figures_out(money.together),
            reasons=[WhyOut.of(each) for each in money.reasons],
        )


class AnswerOut(BaseModel):
    """What all answers have."""

    as_of: date
    time_zone: str
    staleness_seconds: float | None
    policy: HeldOut
    recount: RecountOut | None = Field(
        description="A newer policy that history is being counted by; until it is whole, figures are of `policy`. "
        "null: none is."
    )

    @classmethod
    def frame(cls, found: Churn | Revenue | Movements | Cohorts | Value) -> dict[str, object]:
        """The fields of it."""
        frame = found.frame
        return {
            "as_of": frame.as_of,
            "time_zone": frame.time_zone,
            "staleness_seconds": frame.staleness_seconds,
            "policy": HeldOut.of(found.counting.whole),
            "recount": RecountOut.of(found.counting),
        }


class ChurnOut(AnswerOut):
    """Who left within days, by three definitions side by side, and what went with them."""

    days: DaysOut
    customers: Figures
    by_cause: Figures
    revenue: MoneyOut
    reasons: list[WhyOut]

    @classmethod
    def of(cls, found: Churn) -> "ChurnOut":
        """As found."""
        return cls.model_validate(
            {
                **cls.frame(found),
                "days": DaysOut.of(found.days),
                "customers": figures_out(found.people),
                "by_cause": figures_out(found.causes),
                "revenue": MoneyOut.of(found.money),
                "reasons": [WhyOut.of(each) for each in found.reasons],
            }
        )


class RevenueOut(AnswerOut):
    """What subscriptions bring in a month."""

    customers: Figures
    revenue: MoneyOut

    @classmethod
    def of(cls, found: Revenue) -> "RevenueOut":
        """As found."""
        return cls.model_validate(
            {
                **cls.frame(found),
                "customers": figures_out(found.people),
                "revenue": MoneyOut.of(found.money),
            }
        )


class StepOut(BaseModel):
    """A period: revenue at its start, five movements, the row of rates, and revenue at its end."""

    days: DaysOut
    is_complete: bool
    revenue: MoneyOut


class MovementsOut(AnswerOut):
    """What moved revenue, period by period."""

    period: Period
    periods: list[StepOut]

    @classmethod
    def of(cls, found: Movements, period: Period) -> "MovementsOut":
        """As found."""
        periods = [
            StepOut.model_construct(
                days=DaysOut.of(each.days), is_complete=each.is_complete, revenue=MoneyOut.of(each.money)
            )
            for each in found.steps
        ]
        return cls.model_construct(**cls.frame(found), period=period, periods=periods)  # type: ignore[arg-type]
