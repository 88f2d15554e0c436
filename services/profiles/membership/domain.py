"""What a transaction learnt that may change who is in which segment."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.profiles.segments.domain.rule import Told, Watch


def _sets() -> defaultdict[str, set[UUID]]:
    return defaultdict(set)


@dataclass(slots=True)
class Touched:
    """Raw person keys, by what was learnt of them; `people` are looked at whatever the rules say."""

    people: set[UUID] = field(default_factory=set)
    traits: defaultdict[str, set[UUID]] = field(default_factory=_sets)
    events: defaultdict[str, set[UUID]] = field(default_factory=_sets)
    orders: set[UUID] = field(default_factory=set)
    consents: set[UUID] = field(default_factory=set)
    told: defaultdict[Told, set[UUID]] = field(default_factory=lambda: defaultdict(set))

    def __bool__(self) -> bool:
        return bool(self.people or self.traits or self.events or self.orders or self.consents or self.told)

    def seen_by(self, watch: Watch) -> set[UUID]:
        """The keys of which something was learnt that a rule looks at."""
        found = set(self.people)
        for learnt, names in ((self.traits, watch.traits), (self.events, watch.events)):
            for name in learnt.keys() & names:
                found |= learnt[name]
        for fact in self.told.keys() & watch.told:
            found |= self.told[fact]
        if watch.consents:
            found |= self.consents
        return found | self.orders if watch.orders else found


class Standing(NamedTuple):
    """A person, the segments they should be in, and are in as far as is written; `due_at`: when time may change it."""

    id: UUID
    wanted: frozenset[UUID]
    had: frozenset[UUID]
    due_at: datetime | None


class Move(NamedTuple):
    """A person enters or leaves a segment."""

    segment_id: UUID
    customer_id: UUID


def moves(standings: Iterable[Standing]) -> tuple[list[Move], list[Move]]:
    """Who enters and who leaves what, in ascending order."""
    entered: list[Move] = []
    left: list[Move] = []
    for each in standings:
        entered += [Move(segment, each.id) for segment in each.wanted - each.had]
        left += [Move(segment, each.id) for segment in each.had - each.wanted]
    return sorted(entered), sorted(left)
