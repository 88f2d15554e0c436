"""Wire types of tiers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from services.loyalty.tiers.domain.grants import Standing
from services.loyalty.tiers.domain.track import Key, Track
from services.loyalty.tiers.repository import TrackVersion
from shared.http.schemas import BigInt, Instant, Strict


class TrackPreviewIn(Strict):
    """A version of a track to be tried on everybody."""

    track: Track
    effective_from: Instant | None = Field(None, description="None: now.")


class TrackIn(TrackPreviewIn):
    """A further version of a track; `version` is the one you read, 0 for a new track."""

    version: BigInt
    accept_downgrades: Annotated[int, Field(strict=True, ge=0)] = Field(
        0, description="How many people may lose their level at once by this; preview tells the number."
    )


class TrackOut(BaseModel):
    """A track in its latest version; `members` counts who holds each level now."""

    key: str
    version: int
    track: Track
    effective_from: datetime
    recorded_at: datetime
    recorded_by: str
    members: dict[str, int]

    @classmethod
    def of(cls, version: TrackVersion, members: Mapping[str, int]) -> "TrackOut":
        """As stored."""
        return cls(
            key=version.track,
            version=version.version,
            track=version.definition,
            effective_from=version.effective_from,
            recorded_at=version.recorded_at,
            recorded_by=version.recorded_by,
            members={level.key: members.get(level.key, 0) for level in version.definition.levels},
        )


class MovedOut(BaseModel):
    """How many people go from one level to another; null: none."""

    before: str | None
    after: str | None
    persons: int


class TrackPreviewOut(BaseModel):
    """What another version of a track would do at the moment it takes effect.

    `at_risk`: people who keep a level that they would no longer reach, and lose it when its time is over.
    """

    persons_looked_at: int
    is_complete: bool = Field(description="False: there are more people; what is told is of those looked at.")
    upgrades: int
    downgrades: int
    at_risk: int
    moves: list[MovedOut]


class NextOut(BaseModel):
    """The next level, and how much is missing for it."""

    level: str
    threshold: int
    missing: int
    share: float = Field(description="How far between nothing and the threshold, 0 to 1.")


class StepOut(BaseModel):
    """A level reached or lost by the person's own facts."""

    at: datetime
    level: str | None
    reason: str


class GrantOut(BaseModel):
    """The level given by hand that holds now."""

    level: str | None
    at: datetime
    until: datetime | None
    reason: str
    recorded_by: str


class StandingOut(BaseModel):
    """Where somebody stands in a track. `by_facts` is the level without what was set by hand."""

    track: str
    level: str | None
    rank: int
    labels: dict[str, str]
    multiplier: str | None
    entitlements: list[str]
    since: datetime | None
    valid_until: datetime | None = Field(description="Until when it is held for what is known; null: for good.")
    by_facts: str | None
    measured: int = Field(description="What counts now, in the unit of the track's measure.")
    next: NextOut | None
    grant: GrantOut | None
    history: list[StepOut]

    @classmethod
    def of(cls, standing: Standing, at: datetime) -> "StandingOut":
        """As walked to a moment."""
        walk, level, grant = standing.walk, standing.level(at), standing.grant(at)
        above, measured = standing.next_level(at), walk.measured(at)
        benefits = level.benefits if level else None
        place = walk.track.place(level.key) if walk.track and level else None
        return cls(
            track=walk.key,
            level=level.key if level else None,
            rank=0 if place is None else place + 1,
            labels=level.labels if level else {},
            multiplier=str(benefits.multiplier) if benefits and benefits.multiplier is not None else None,
            entitlements=list(benefits.entitlements) if benefits else [],
            since=(grant.at if grant and standing.is_by_hand(at) else walk.since) if level else None,
            valid_until=standing.valid_until(at),
            by_facts=walk.level.key if walk.level else None,
            measured=measured,
            next=None
            if above is None
            else NextOut(
                level=above[0].key,
                threshold=above[0].threshold,
                missing=above[1],
                share=min(1.0, measured / above[0].threshold) if above[0].threshold else 1.0,
            ),
            grant=None
            if grant is None
            else GrantOut(
                level=grant.level, at=grant.at, until=grant.until, reason=grant.reason, recorded_by=grant.recorded_by
            ),
            history=[StepOut(at=step.at, level=step.level, reason=step.reason) for step in walk.steps],
        )


class StandingsOut(BaseModel):
    """Where a customer stands in each track, worked out from the facts."""

    customer: UUID
    as_of: datetime
    tracks: list[StandingOut]


class GrantIn(Strict):
    """A level set by hand: the person holds it, or more if they reach more. `level` null lifts what was set."""

    level: Key | None
    until: Instant | None = Field(None, description="None: until it is lifted.")
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class MemberOut(BaseModel):
    """Somebody who holds a level."""

    customer: UUID
