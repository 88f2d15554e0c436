"""A wave of the mirror survey, and whether what it says may be coloured by what customers said."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

Bias = Literal["opened_late", "closed_late"]

ROLES = ("executive", "manager", "front_line")
# What roles with too few answers are told as, where all of them together have enough.
OTHER_ROLES = "other_roles"


@dataclass(frozen=True, slots=True)
class Wave:
    """A wave. Days are the firm's, both included; `links` are the one-time links made, by role."""

    id: UUID
    survey_id: UUID
    version: int
    name: str
    touchpoint: str | None
    stage: str | None
    period_from: date
    period_to: date
    roles: tuple[str, ...]
    asks_prediction: bool
    opened_at: datetime
    opened_by: str
    closes_at: datetime
    results_visible_from: datetime
    closed_at: datetime | None
    has_shared_link: bool
    links: dict[str, int]

    def is_open(self, now: datetime) -> bool:
        """Whether it takes answers."""
        return self.closed_at is None and now < self.closes_at

    @property
    def bias(self) -> tuple[Bias, ...]:
        """Why staff may have known what customers say; of an open wave, as it would be if it closed when it is to."""
        found: list[Bias] = []
        if self.opened_at >= self.results_visible_from:
            found.append("opened_late")
        if (self.closed_at or self.closes_at) >= self.results_visible_from:
            found.append("closed_late")
        return tuple(found)


def end_of(period_to: date, zone: ZoneInfo) -> datetime:
    """The moment in which the day after the period begins."""
    after = period_to + timedelta(days=1)
    return datetime(after.year, after.month, after.day, tzinfo=zone)
