"""What the ledger has of a person beside what was earned by rules: what came in, was spent, came back, went elsewhere.

It is taken as it was: members are supposed to have done the same under another programme.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from services.loyalty.programs.domain.validity import End


class CameIn(NamedTuple):
    """Points that no rule gave: by hand, from another member, for an achievement.

    `is_by_terms`: they end as the terms of the wallet say; else with `end`, or `expires_at`, or never.
    """

    person: UUID
    wallet: str
    at: datetime
    points: int
    kind: str
    source: str
    active_at: datetime | None
    is_by_terms: bool
    end: End | None = None
    expires_at: datetime | None = None


class WentOut(NamedTuple):
    """Points that were `spent`, or went out otherwise (`other`), in an operation."""

    wallet: str
    at: datetime
    points: int
    operation: str
    kind: Literal["spent", "other"]


class CameBack(NamedTuple):
    """Of what an operation spent so many points came back."""

    wallet: str
    at: datetime
    points: int
    operation: str


class WasActivated(NamedTuple):
    """Somebody said that pending points of a source count."""

    wallet: str
    at: datetime
    source: str


Happened = CameIn | WentOut | CameBack | WasActivated


class Kept(NamedTuple):
    """All of it of one person, and since when their keys have had their wallets."""

    happened: Sequence[Happened] = ()
    opened: Sequence[tuple[UUID, str, datetime]] = ()
