"""What a rule refers to, put in its place: other segments, personas, and the firm's scale of scores."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import assert_never
from uuid import UUID

from services.profiles.rfm.domain import Scale
from services.profiles.segments.domain.rule import (
    NEVER,
    And,
    DaysSince,
    InList,
    InSegment,
    Leaf,
    Not,
    OfPersona,
    Op,
    Or,
    OrderTotal,
    Rule,
    Score,
    Scored,
    leaves,
)

# Conditions of one rule with all it refers to; who looks at a person asks each of them.
MAX_EXPANDED = 500
# A segment of a segment of a segment …: deeper than anybody can follow, and quick to grow beyond all bounds.
_MAX_DEPTH = 8


class Cycle(Exception):
    """A rule refers to itself, through whatever it refers to."""


class TooLarge(Exception):
    """A rule with all it refers to has more than `MAX_EXPANDED` conditions."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What rules refer to: rules of segments (None: a static list), the segments of personas in use, the scale."""

    segments: Mapping[UUID, Rule | None] = field(default_factory=dict)
    personas: Mapping[str, UUID] = field(default_factory=dict)
    scale: Scale = field(default_factory=Scale)

    def expanded(self, rule: Rule) -> Rule:
        """The rule, referring to nothing but static lists. What is gone is true of nobody.

        Raises:
            Cycle, TooLarge: it has no such form.
        """
        found = self._expanded(rule, ())
        if sum(1 for _ in leaves(found)) > MAX_EXPANDED:
            raise TooLarge
        return found

    def tried(self, segment_id: UUID, rule: Rule) -> None:
        """Make sure that everything still has a form with this rule of a segment.

        Raises:
            Cycle, TooLarge: something has none.
        """
        after = Surroundings({**self.segments, segment_id: rule}, self.personas, self.scale)
        after.checked()

    def checked(self) -> None:
        """Make sure that every rule has a form.

        Raises:
            Cycle, TooLarge: one has none.
        """
        for segment_id in self.segments:
            self.expanded(InSegment(segment_id))

    def _expanded(self, rule: Rule, path: tuple[UUID, ...]) -> Rule:
        match rule:
            case And(parts):
                return And(tuple(self._expanded(part, path) for part in parts))
            case Or(parts):
                return Or(tuple(self._expanded(part, path) for part in parts))
            case Not(part):
                return Not(self._expanded(part, path))
            case Scored(score, op, value):
                return scored(self.scale, score, op, value)
            case InSegment(segment_id):
                return self._segment(segment_id, path)
            case OfPersona(key):
                return self._segment(self.personas[key], path) if key in self.personas else NEVER
            case leaf:
                return leaf

    def _segment(self, segment_id: UUID, path: tuple[UUID, ...]) -> Rule:
        if segment_id in path:
            raise Cycle
        if segment_id not in self.segments:
            return NEVER
        rule = self.segments[segment_id]
        if len(path) >= _MAX_DEPTH:
            raise TooLarge
        return InList(segment_id) if rule is None else self._expanded(rule, (*path, segment_id))

    def asking(self, asks: Callable[[Leaf], bool]) -> set[UUID]:
        """The segments of whose rules a condition asks for something, or one of a rule that they refer to."""
        found = {
            id_ for id_, rule in self.segments.items() if rule is not None and any(asks(leaf) for leaf in leaves(rule))
        }
        wave = found
        while wave:
            wave = {
                id_
                for id_, rule in self.segments.items()
                if rule is not None and not wave.isdisjoint(self.references(rule))
            } - found
            found = found | wave
        return found

    def references(self, rule: Rule) -> Iterator[UUID]:
        """The segments and lists that a rule refers to, itself or through personas in use."""
        for leaf in leaves(rule):
            if isinstance(leaf, InSegment | InList):
                yield leaf.segment_id
            elif isinstance(leaf, OfPersona) and leaf.key in self.personas:
                yield self.personas[leaf.key]


def scored(scale: Scale, score: Score, op: Op, value: int) -> Rule:
    """A comparison of a score as comparisons of what it is made of."""

    def at_least(least: int) -> Rule:
        if least <= 1:
            return _ORDERED
        return _reaches(scale, score, least) if least <= 5 else NEVER

    def below(least: int) -> Rule:
        return And((_ORDERED, Not(at_least(least))))

    match op:
        case "gte":
            return at_least(value)
        case "gt":
            return at_least(value + 1)
        case "lt":
            return below(value)
        case "lte":
            return below(value + 1)
        case "eq":
            return And((at_least(value), below(value + 1)))
        case "ne":
            return Or((below(value), at_least(value + 1)))
    assert_never(op)


_ORDERED = OrderTotal("orders", None, "gte", 1)


def _reaches(scale: Scale, score: Score, least: int) -> Rule:
    """Whether the score is at least `least`, 2 to 5."""
    if score == "recency":
        return DaysSince(None, "lte", scale.recency_days[5 - least])
    if score == "frequency":
        return OrderTotal("orders", None, "gte", scale.orders[least - 2])
    if scale.currency is None:
        return NEVER
    # A first break of nothing is reached by whoever ordered, and by nobody else.
    return And((_ORDERED, OrderTotal("net_minor", scale.currency, "gte", scale.net_minor[least - 2])))
