"""What the score card alone counts of a person: points that came and went, and complaints. All of it adds up by day.

What stands at a moment is kept as changes: somebody who earned or spent points is active from that day until so many
days have passed without; a complaint is open from the day it was opened to the day before it was closed, and late
from the day after it was due. So any day's state is a sum of changes, and costs months and days, not people.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Literal, NamedTuple
from uuid import UUID

from services.metrics.domain.calendar import day_of, period_start

EVERYBODY = ""
# How long somebody counts as an active member after points came or went; the periods a card may have.
WINDOWS = (30, 90, 365)
Flow = Literal["earned", "spent", "expired", "reversed"]
FLOWS: tuple[Flow, ...] = ("earned", "spent", "expired", "reversed")
Status = Literal["open", "resolved", "closed"]

# what, segment, is_month, day
SumKey = tuple[str, str, bool, int]


class PointsDay(NamedTuple):
    """Points of one wallet on one day, each never negative."""

    earned: int = 0
    spent: int = 0
    expired: int = 0
    reversed: int = 0


@dataclass(slots=True)
class Complaint:
    """A case as far as it is known: facts may come in any order. `steps` are by version: when, and what it became."""

    case_id: UUID
    customer: UUID
    opened_at: datetime | None = None
    due_at: datetime | None = None
    steps: dict[int, tuple[datetime, Status]] = field(default_factory=dict)

    def since(self, *among: Status) -> datetime | None:
        """Since when it has been in one of these for good; None if it is not. What was reopened never ended."""
        found: datetime | None = None
        for version in sorted(self.steps, reverse=True):
            at, status = self.steps[version]
            if status not in among:
                break
            found = at
        return found


Wallets = Mapping[tuple[str, int], PointsDay]


class Person(NamedTuple):
    """All that is known of a person under all their keys: points by wallet and day, complaints, segments."""

    points: Wallets
    complaints: Sequence[Complaint]
    segments: Collection[UUID]


def sums_of(person: Person, zone: tzinfo) -> Counter[SumKey]:
    """What a person adds to the sums."""
    changes: Counter[tuple[str, int]] = Counter()
    days: set[int] = set()
    for (wallet, day), points in person.points.items():
        for flow, number in zip(FLOWS, points, strict=True):
            changes[flow_of(flow, wallet), day] += number
        if points.earned or points.spent:
            days.add(day)
    for window in WINDOWS:
        for start, end in spells(days, window):
            changes[active_within(window), start] += 1
            changes[active_within(window), end] -= 1
    for complaint in person.complaints:
        changes.update(dict(_complained(complaint, zone)))
    found: Counter[SumKey] = Counter()
    for segment in (EVERYBODY, *map(str, person.segments)):
        for (what, day), number in changes.items():
            if number:
                found[what, segment, False, day] += number
                found[what, segment, True, period_start("month", day)] += number
    return found


def flow_of(flow: Flow, wallet: str) -> str:
    """The name of the sum of points of a wallet that came or went so."""
    return f"{flow}:{wallet}"


def active_within(window: int) -> str:
    """The name of the sum of members who were active within so many days."""
    return f"active:{window}"


def spells(days: Iterable[int], window: int) -> list[tuple[int, int]]:
    """From when until before when somebody is active, who did something on these days."""
    found: list[tuple[int, int]] = []
    for day in sorted(days):
        if found and day <= found[-1][1]:
            found[-1] = (found[-1][0], day + window)
        else:
            found.append((day, day + window))
    return found


def _complained(complaint: Complaint, zone: tzinfo) -> Iterable[tuple[tuple[str, int], int]]:
    """Changes of what is open and what is late; opened and closed on one day, it was open at the end of none."""
    if complaint.opened_at is None or complaint.due_at is None:
        return
    opened = day_of(complaint.opened_at, zone)
    changes: Counter[tuple[str, int]] = Counter({("opened", opened): 1, ("open", opened): 1})
    closed_at, done_at = complaint.since("closed"), complaint.since("resolved", "closed")
    if closed_at is not None:
        changes["open", max(opened, day_of(closed_at, zone))] -= 1
    # Its last day is in time, whatever the hour.
    late = max(opened, day_of(complaint.due_at, zone) + 1)
    done = None if done_at is None else day_of(done_at, zone)
    if done is None or done >= late:
        changes["became_late", late] += 1
        changes["late", late] += 1
        if done is not None:
            changes["late", done] -= 1
    yield from changes.items()
