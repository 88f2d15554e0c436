"""Levels set by hand: a floor under what somebody has reached by themselves, for a time, with a reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.loyalty.tiers.domain.track import Level
from services.loyalty.tiers.domain.walk import Walk


class Grant(NamedTuple):
    """A level (None: none any more) that a person key was given by hand; the latest of a key holds."""

    id: UUID
    customer: UUID
    track: str
    level: str | None
    at: datetime
    until: datetime | None
    reason: str
    recorded_by: str


@dataclass(slots=True)
class Standing:
    """Where somebody stands in a track: by themselves, and by hand. The higher of both is what they hold."""

    walk: Walk
    grants: Sequence[Grant] = ()

    def grant(self, at: datetime) -> Grant | None:
        """The highest level set by hand that holds at a moment."""
        track = self.walk.track
        if track is None or not self.grants:
            return None
        latest: dict[UUID, Grant] = {}
        for each in self.grants:
            known = latest.get(each.customer)
            if each.at <= at and (known is None or (known.at, known.id) < (each.at, each.id)):
                latest[each.customer] = each
        holding = [
            (place, each)
            for each in latest.values()
            if (each.until is None or at < each.until) and (place := track.place(each.level)) is not None
        ]
        return max(holding, key=lambda found: (found[0], found[1].id))[1] if holding else None

    def level(self, at: datetime) -> Level | None:
        """The level held at a moment to which the walk has come."""
        if not self.grants:
            return self.walk.level
        grant = self.grant(at)
        track = self.walk.track
        place = track.place(grant.level) if track and grant else None
        if track is None or place is None or place <= self.walk.place:
            return self.walk.level
        return track.levels[place]

    def held_before(self, at: datetime) -> str | None:
        """The level held before what happened at a moment counted, on a way that was walked further."""
        level = None
        for step in self.walk.steps:
            if step.at < at or (step.at == at and step.reason != "qualified"):
                level = step.level
        track, grant = self.walk.track, self.grant(at)
        given = track.place(grant.level) if track and grant else None
        own = track.place(level) if track else None
        return level if given is None or grant is None or (own is not None and own >= given) else grant.level

    def above(self, at: datetime) -> Level | None:
        """The next level above the one held; None: it is the highest."""
        track = self.walk.track
        if track is None:
            return None
        held = self.level(at) if self.grants else self.walk.level
        above = 0 if held is None else track.places[held.key] + 1
        return track.levels[above] if above < len(track.levels) else None

    def next_level(self, at: datetime) -> tuple[Level, int] | None:
        """The same, and how much is missing for it."""
        level = self.above(at)
        return None if level is None else (level, max(0, level.threshold - self.walk.measured(at)))

    def is_by_hand(self, at: datetime) -> bool:
        """Whether the level held is there by hand alone."""
        if not self.grants:
            return False
        held = self.level(at)
        return held is not None and held != self.walk.level

    def review_at(self, at: datetime) -> datetime | None:
        """When time alone may change what is held next."""
        if not self.grants:
            return self.walk.review_at
        ends = [each.until for each in self.grants if each.until is not None and each.until > at]
        if (review := self.walk.review_at) is not None:
            ends.append(review)
        return min(ends, default=None)

    def valid_until(self, at: datetime) -> datetime | None:
        """Until when the level is held for what is known; None: for good."""
        if not self.grants:
            return self.walk.held_until
        grant = self.grant(at)
        return grant.until if grant and self.is_by_hand(at) else self.walk.held_until
