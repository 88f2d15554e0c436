"""A segment as somebody defined it, and what is told of it and its members."""

from collections.abc import Sequence
from datetime import datetime
from math import sqrt
from typing import Any, Literal, NamedTuple
from uuid import UUID

Kind = Literal["rule", "static"]


class Segment(NamedTuple):
    """A segment; `rule` is a JSON document, None for a static list. `is_built`: everybody was asked."""

    id: UUID
    kind: Kind
    name: str
    description: str
    rule: Any
    version: int
    is_built: bool
    created_at: datetime
    updated_at: datetime
    updated_by: str


class Version(NamedTuple):
    """What a segment was from a time on."""

    version: int
    name: str
    description: str
    rule: Any
    changed_at: datetime
    changed_by: str


class Member(NamedTuple):
    """Somebody in a segment; `customer_id` is the root of the person."""

    customer_id: UUID
    since: datetime


class Belonging(NamedTuple):
    """A segment that somebody is in."""

    segment_id: UUID
    name: str
    since: datetime


class Verdict(NamedTuple):
    """Why a reference in a change of a list was passed over."""

    field: Literal["add", "remove"]
    position: int
    code: str


class Preview(NamedTuple):
    """How many people a rule takes in: of `looked_at` people `hits`; each stands for `weight` people (1: exact)."""

    looked_at: int
    hits: int
    weight: float
    sample: Sequence[UUID]

    @property
    def people(self) -> int:
        """How many people the rule takes in."""
        return round(self.hits * self.weight)

    @property
    def margin(self) -> int:
        """The true number is at most so far off in 19 of 20 cases; 0 if everybody was looked at."""
        if self.weight == 1:
            return 0
        # Each was looked at by a throw of the dice. Where nobody was hit, the rule of three.
        return round(max(sqrt(self.hits * (1 - 1 / self.weight)) * 1.96, 3.0) * self.weight)
