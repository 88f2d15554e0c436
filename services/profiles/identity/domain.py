"""From evidence to a forest: each person key gets at most one parent, and no ring is ever made.

The links are taken in one order, whatever order they came in: what people decided first, then by (event time, event
id). A link is refused if its key has a parent already, if it would close a ring, or if it would join what somebody
took apart. So the forest is a function of the set of links and decisions.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

Kind = Literal["identify", "alias"]
Reason = Literal["identify", "alias", "manual"]
Status = Literal["accepted", "shared_device", "already_linked", "cycle", "separated", "overruled", "over_limit"]


class Candidate(NamedTuple):
    """Evidence that `from_id` is the person `into_id`: the earliest of its pair, and what became of it."""

    from_id: UUID
    into_id: UUID
    kind: Kind
    event_time: datetime
    event_id: UUID
    source: str
    status: Status


class Decision(NamedTuple):
    """Somebody decided: `from_id` is the person `into_id` (merge), or is not (apart).

    A key may have one of each: the merge rules as long as it stands, and what was before comes back when it is undone.
    """

    from_id: UUID
    kind: Literal["merge", "apart"]
    into_id: UUID
    id: UUID
    decided_at: datetime


class Parent(NamedTuple):
    """The parent of a key, and why."""

    id: UUID
    reason: Reason
    event_id: UUID
    time: datetime


class LogEntry(NamedTuple):
    """One line of the merge log."""

    from_id: UUID
    version: int
    kind: str
    into_id: UUID
    reason: str
    event_id: UUID | None
    event_time: datetime | None
    decided_at: datetime
    decided_by: str | None
    note: str | None


@dataclass(slots=True)
class Forest:
    """Parents of keys, and what became of each candidate (by its pair)."""

    parents: dict[UUID, Parent] = field(default_factory=dict)
    statuses: dict[tuple[UUID, UUID], Status] = field(default_factory=dict)

    def root(self, key: UUID) -> UUID:
        """The root of a key; there are no rings."""
        while (parent := self.parents.get(key)) is not None:
            key = parent.id
        return key


class Outlook(NamedTuple):
    """A person as a decision would make it, and what would become of the evidence (by its pair)."""

    root: UUID
    members: Sequence[UUID]
    statuses: Mapping[tuple[UUID, UUID], Status]


def top(key: UUID, parents: Mapping[UUID, UUID | None]) -> UUID:
    """The root of a key by these parents; there are no rings."""
    while (parent := parents.get(key)) is not None:
        key = parent
    return key


def misplaced(parents: Mapping[UUID, UUID | None], out: Collection[UUID], *, heads: Collection[UUID]) -> Sequence[UUID]:
    """The keys that keep two sides of one person (`out` and all others) from being two trees with these heads."""
    return sorted(
        key
        for key, parent in parents.items()
        if (parent is not None if key in heads else parent not in parents or (parent in out) != (key in out))
    )


def grow(candidates: Iterable[Candidate], decisions: Sequence[Decision]) -> Forest:
    """The forest of these candidates and decisions. Of keys that can be in one ring, all or none must be among them."""
    forest = Forest()
    merges = sorted((each for each in decisions if each.kind == "merge"), key=lambda each: (each.decided_at, each.id))
    for decision in merges:
        if forest.root(decision.into_id) != decision.from_id:
            parent = Parent(decision.into_id, "manual", decision.id, decision.decided_at)
            forest.parents[decision.from_id] = parent
    merged = {each.from_id for each in merges}
    apart = {each.from_id: each.into_id for each in decisions if each.kind == "apart" and each.from_id not in merged}
    for candidate in sorted(candidates, key=lambda each: (each.event_time, each.event_id, each.from_id)):
        status = _judge(forest, candidate, merged, apart)
        forest.statuses[candidate.from_id, candidate.into_id] = status
        if status == "accepted":
            parent = Parent(candidate.into_id, candidate.kind, candidate.event_id, candidate.event_time)
            forest.parents[candidate.from_id] = parent
    return forest


def _judge(forest: Forest, candidate: Candidate, merged: set[UUID], apart: Mapping[UUID, UUID]) -> Status:
    key = candidate.from_id
    if candidate.status == "over_limit":
        return "over_limit"
    if key in merged:
        return "overruled"
    if key in apart:
        return "separated"
    if key in forest.parents:
        return "shared_device" if candidate.kind == "identify" else "already_linked"
    root = forest.root(candidate.into_id)
    if root == key:
        return "cycle"
    return "separated" if apart and _joins(forest, key, root, apart) else "accepted"


def _joins(forest: Forest, one: UUID, other: UUID, apart: Mapping[UUID, UUID]) -> bool:
    """Whether joining two roots would bring together a pair that was taken apart."""
    both = {one, other}
    return any({forest.root(left), forest.root(right)} == both for left, right in apart.items())
