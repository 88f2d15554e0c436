"""What an event tells of a customer, as one fact; of the same fact the highest version holds, whenever it comes."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.profiles.segments.domain.rule import Told
from shared.events.catalogue.loyalty import (
    PointsEarned,
    PointsExpired,
    PointsMoved,
    PointsReversed,
    PointsSpent,
    TierChanged,
)
from shared.events.envelope import Event, EventData

PointsFact = PointsEarned | PointsSpent | PointsExpired | PointsReversed | PointsMoved


class Fact(NamedTuple):
    """What was told of a raw person key: `part` says of which wallet or track. `until`: when it ends by itself."""

    customer_id: UUID
    fact: Told
    part: str
    version: int
    number: int
    word: str | None
    until: datetime | None
    told_at: datetime


def _points(event: Event[PointsFact]) -> Fact:
    """What a wallet has that can be spent."""
    data = event.data
    return Fact(event.subject, "points", data.wallet, data.version, data.available, None, None, event.time)


def _tier(event: Event[TierChanged]) -> Fact:
    """The tier of a track: its name, and its rank as the number; no tier: rank 0."""
    data = event.data
    rank = 0 if data.tier is None else data.rank
    return Fact(event.subject, "tier", data.track, data.version, rank, data.tier, data.valid_until, event.time)


READERS: Mapping[type[EventData], Callable[[Event[Any]], Fact]] = {
    **dict.fromkeys((PointsEarned, PointsSpent, PointsExpired, PointsReversed, PointsMoved), _points),
    TierChanged: _tier,
}


def told(events: Iterable[Event[Any]]) -> list[Fact]:
    """What a batch tells, of each fact the highest version, in the order of their keys."""
    latest: dict[tuple[UUID, str, str], Fact] = {}
    for event in events:
        fact = READERS[type(event.data)](event)
        key = fact[:3]
        if key not in latest or fact.version > latest[key].version:
            latest[key] = fact
    return [latest[key] for key in sorted(latest)]


class Tier(NamedTuple):
    """The tier of a track that a person is in."""

    tier: str
    rank: int
    valid_until: datetime | None
    since: datetime


class Standing(NamedTuple):
    """What a person has: points that can be spent, by wallet, and the tier of each track."""

    points: Mapping[str, int]
    tiers: Mapping[str, Tier]


def standing(root: UUID, facts: Iterable[Fact]) -> Standing:
    """What the facts of all keys of a person come to.

    Points are those of all keys. A tier is the person's: that of the root, or until one was told of it, the highest.
    """
    points: dict[str, int] = {}
    best: dict[str, Fact] = {}
    for fact in facts:
        if fact.fact == "points":
            points[fact.part] = points.get(fact.part, 0) + fact.number
        elif fact.part not in best or _rank(root, fact) > _rank(root, best[fact.part]):
            best[fact.part] = fact
    return Standing(
        dict(sorted(points.items())),
        {
            track: Tier(fact.word, fact.number, fact.until, fact.told_at)
            for track, fact in sorted(best.items())
            if fact.word is not None
        },
    )


def _rank(root: UUID, fact: Fact) -> tuple[bool, int, list[int]]:
    # Of two tiers of one rank, which are a fault, the first by name, as the rules say it too.
    return fact.customer_id == root, fact.number, [-ord(letter) for letter in fact.word or ""]
