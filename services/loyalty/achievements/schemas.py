"""Wire models of achievements."""

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.loyalty.achievements.domain.goal import Achievement, State
from services.loyalty.achievements.domain.walk import Progress
from services.loyalty.achievements.repository import Award, Defined
from services.loyalty.earning.domain.rule import Key
from shared.http.schemas import Instant, Strict


class AchievementIn(Strict):
    """An achievement as it shall be; it begins when it is activated."""

    name: Key = Field(description="What it is called in events and in the ledger.", examples=["fifth_order"])
    achievement: Achievement


class ActivateIn(Strict):
    """From when to when facts count."""

    starts_at: Instant | None = Field(None, description="None: from now on.")
    ends_at: Instant | None = Field(None, description="None: without end.")
    retroactive: bool = Field(
        False, strict=True, description="Facts since a `starts_at` in the past count, and are rewarded at once."
    )


class EndIn(Strict):
    """When facts stop to count."""

    ends_at: Instant | None = Field(None, description="None: now. What happened before and comes late still counts.")


class AchievementOut(BaseModel):
    """An achievement. `archived`: what was reached stays, whatever facts come."""

    id: UUID
    name: str
    state: State
    achievement: Achievement
    starts_at: Instant | None
    ends_at: Instant | None
    created_at: Instant
    created_by: str
    changed_at: Instant
    changed_by: str

    @classmethod
    def of(cls, defined: Defined) -> "AchievementOut":
        """As it goes out."""
        fields: dict[str, Any] = defined._asdict()
        fields["achievement"] = fields.pop("terms")
        return cls.model_construct(**fields)


class HoldersOut(BaseModel):
    """How many people hold an achievement, and how often in all."""

    persons: int
    times: int
    not_taken_back: int = Field(
        description="How often it was lost, and what it brought is still out: refused, and tried again, or used."
    )


class BadgeOut(BaseModel):
    """What a customer reached."""

    achievement_id: UUID
    name: str
    badge: str | None
    labels: dict[str, str]
    period: str = Field(description="The local day, week, month, quarter or year; empty: it has none.")
    number: int = Field(description="How many times it was reached in the period by then.")
    reached_at: Instant = Field(description="When the fact happened that reached it.")
    problem: str | None = Field(description="Why its reward could not be given yet; it is tried again.")

    @classmethod
    def of(cls, award: Award, defined: Defined) -> "BadgeOut":
        """As it goes out."""
        return cls(
            achievement_id=award.achievement_id,
            name=defined.name,
            badge=defined.terms.badge,
            labels=dict(defined.terms.labels),
            period=award.period,
            number=award.number,
            reached_at=award.reached_at,
            problem=award.problem,
        )


class ProgressOut(BaseModel):
    """How far a customer is with an achievement, worked out from what is known now."""

    achievement_id: UUID
    name: str
    badge: str | None
    labels: dict[str, str]
    kind: Literal["count", "distinct", "spend", "streak"]
    period: str
    value: int = Field(description="On the way to the next time; the target where there is no next time.")
    target: int = Field(description="What a time takes: facts, values, minor units of money, or periods in a row.")
    missing: int
    reached: int = Field(description="How many times it was reached in the period, by these facts.")
    times: int = Field(description="How many times it can be.")
    until: Instant | None = Field(description="When the period, or the streak as it stands, is over; null: never.")
    streak: int | None = Field(description="How many periods in a row there are that have not broken.")

    @classmethod
    def of(cls, defined: Defined, found: Progress) -> "ProgressOut":
        """As it goes out."""
        return cls(
            achievement_id=defined.id,
            name=defined.name,
            badge=defined.terms.badge,
            labels=dict(defined.terms.labels),
            kind=defined.terms.goal.kind,
            period=found.period,
            value=found.value,
            target=found.target,
            missing=found.target - found.value,
            reached=found.times,
            times=defined.terms.times,
            until=found.until,
            streak=found.run,
        )


class ProgressesOut(BaseModel):
    """How far a customer is, in everything that can be reached at a moment."""

    member: UUID
    as_of: Instant
    achievements: list[ProgressOut]
