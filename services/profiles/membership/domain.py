"""What a transaction learnt that may change who is in which segment."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from services.profiles.segments.domain.rule import Input, Told

# The bits of all that can be learnt.
EVERYTHING = -1


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

    def seen_by(self, bits: Mapping[Input, int]) -> dict[UUID, int]:
        """The keys of which something was learnt that a rule looks at, each with the bits of what it was."""
        found = dict.fromkeys(self.people, EVERYTHING)
        for learnt, keys in self._learnt():
            if bit := bits.get(learnt):
                for key in keys:
                    found[key] = found.get(key, 0) | bit
        return found

    def _learnt(self) -> Iterator[tuple[Input, set[UUID]]]:
        yield Input("orders"), self.orders
        yield Input("consents"), self.consents
        yield from ((Input("trait", name), keys) for name, keys in self.traits.items())
        yield from ((Input("event", name), keys) for name, keys in self.events.items())
        yield from ((Input("told", fact), keys) for fact, keys in self.told.items())


class Move(NamedTuple):
    """A person enters or leaves a segment."""

    segment_id: UUID
    customer_id: UUID
