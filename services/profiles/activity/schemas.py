"""Wire models of what customers did."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from services.profiles.activity.domain import Activity
from services.profiles.told.domain import Tier


class MoneyOut(BaseModel):
    """Orders in one currency, in its minor units; cancelled ones are no orders."""

    orders: int
    gross_minor: int
    refunds_minor: int
    net_minor: int


class EventOut(BaseModel):
    """How often something was done, first and last when."""

    count: int
    first_at: datetime
    last_at: datetime


class TierOut(BaseModel):
    """The tier of a track."""

    tier: str
    rank: int = Field(description="From 1, the lowest.")
    since: datetime
    valid_until: datetime | None

    @classmethod
    def of(cls, tier: Tier) -> Self:
        """The wire form."""
        return cls.model_validate(tier._asdict())


class PointsEndingOut(BaseModel):
    """Points that end before all others, unless they are spent."""

    points: int
    at: datetime


class NextTierOut(BaseModel):
    """The next tier of a track."""

    tier: str
    missing: int = Field(description="What is missing, in the unit of `measure`; money is in minor units.")
    threshold: int
    measure: Literal["points", "spend", "orders"]
    currency: str | None


class NpsOut(BaseModel):
    """How likely the customer is to recommend the firm, as they said last."""

    score: int = Field(ge=0, le=10)
    band: Literal["detractor", "passive", "promoter"]
    at: datetime
    survey_id: UUID


class OpenCaseOut(BaseModel):
    """A complaint that somebody answers for."""

    case_id: UUID
    priority: str
    since: datetime | None
    contact_due_at: datetime | None
    contacted_at: datetime | None = Field(description="Null: nobody spoke to the customer yet.")


class ChurnRiskOut(BaseModel):
    """How likely it is that the customer buys nothing within a year, as metrics told last."""

    band: Literal["low", "medium", "high"]
    percent: int = Field(description="When the band changed; live at /v1/metrics/customers/{customer}/prediction.")
    since: datetime


class WorthOut(BaseModel):
    """What the customer will probably bring within a year, as metrics told last."""

    band: Literal["low", "medium", "high"]
    value_minor: int = Field(description="When the band changed.")
    currency: str
    since: datetime


class ScoresOut(BaseModel):
    """Scores from 1 to 5 on the firm's scale (/v1/rfm-scale)."""

    recency: int
    frequency: int
    monetary: int | None = Field(description="Null: the scale has no currency.")


class ComputedOut(BaseModel):
    """What follows from a customer's facts, under all keys that were merged into one person."""

    customer: UUID
    orders: int
    money: dict[str, MoneyOut] = Field(description="By ISO 4217 code.")
    first_order_at: datetime | None
    last_order_at: datetime | None
    days_since_last_order: int | None = Field(description="Whole days of 24 hours.")
    events: dict[str, EventOut] = Field(description="By name; of names at most 500, those seen last.")
    points: dict[str, int] = Field(description="By wallet: those that can be spent now, as loyalty told last.")
    tiers: dict[str, TierOut] = Field(description="By track, as loyalty told last.")
    points_ending: dict[str, PointsEndingOut] = Field(description="By wallet: what ends first, as loyalty told last.")
    next_tiers: dict[str, NextTierOut] = Field(description="By track: the next tier, where it is near.")
    nps: NpsOut | None = Field(description="What was answered last; null: never asked, or never answered.")
    open_cases: list[OpenCaseOut] = Field(description="Complaints that are not mended yet, the oldest first.")
    churn_risk: ChurnRiskOut | None = Field(description="Null: there is no model, or no purchase.")
    clv: WorthOut | None = Field(description="Null: there is no model, or no purchase.")
    rfm: ScoresOut | None = Field(description="Null: no orders.")

    @classmethod
    def of(cls, found: Activity) -> Self:
        """The wire form of what a person did."""
        return cls(
            customer=found.root,
            orders=sum(each.orders for each in found.money),
            money={
                each.currency: MoneyOut(
                    orders=each.orders,
                    gross_minor=each.gross_minor,
                    refunds_minor=each.refunds_minor,
                    net_minor=each.gross_minor - each.refunds_minor,
                )
                for each in found.money
            },
            first_order_at=found.first_order_at,
            last_order_at=found.last_order_at,
            days_since_last_order=found.days_since_last_order,
            events={
                each.name: EventOut(count=each.times, first_at=each.first_at, last_at=each.last_at)
                for each in found.events
            },
            points=dict(found.told.points),
            tiers={track: TierOut.of(tier) for track, tier in found.told.tiers.items()},
            points_ending={
                wallet: PointsEndingOut.model_validate(each._asdict()) for wallet, each in found.told.ending.items()
            },
            next_tiers={track: NextTierOut.model_validate(each._asdict()) for track, each in found.told.ahead.items()},
            nps=None if (nps := found.told.nps) is None else NpsOut(**nps._asdict(), band=nps.band),
            open_cases=[OpenCaseOut.model_validate(each._asdict()) for each in found.told.cases],
            churn_risk=None if (risk := found.told.churn_risk) is None else ChurnRiskOut(**risk._asdict()),
            clv=None if (worth := found.told.clv) is None else WorthOut(**worth._asdict()),
            rfm=None if (scores := found.scores) is None else ScoresOut.model_validate(scores._asdict()),
        )
