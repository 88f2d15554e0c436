"""From evidence to a forest: each person key gets at most one parent, and no ring is ever made.

The links are taken in one order, whatever order they came in: what people decided first, then by (priority of the
type of identifier, event time, event id). A link is refused if its key has a parent already, if it would close a ring,
or if it would join what somebody took apart. So the forest is a function of the set of links and decisions.

A value that joins people joins whoever has it: where a user has a parent already, the root of that person takes the
other as its parent, and no value joins a key that somebody took off a person. A visitor stays with one, for others may
use the same device.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from services.profiles.identifier_types.domain import DEFAULT_PRIORITY

Kind = Literal["identify", "alias", "identifier"]
Reason = Literal["identify", "alias", "identifier", "manual"]
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
    priority: int = DEFAULT_PRIORITY

    @property
    def rank(self) -> tuple[int, datetime, UUID, UUID, UUID]:
        """The smaller decides."""
        return self.priority, self.event_time, self.event_id, self.from_id, self.into_id


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


def grow(
    candidates: Iterable[Candidate], decisions: Sequence[Decision], users: Collection[UUID] = frozenset()
) -> Forest:
    """The forest of these candidates and decisions. Of keys that can be in one ring, all or none must be among them.

    `users` are the keys of known customers among the candidates', if shared values join any.
    """
    forest = Forest()
    merges = sorted((each for each in decisions if each.kind == "merge"), key=lambda each: (each.decided_at, each.id))
    for decision in merges:
        if forest.root(decision.into_id) != decision.from_id:
            parent = Parent(decision.into_id, "manual", decision.id, decision.decided_at)
            forest.parents[decision.from_id] = parent
    merged = {each.from_id for each in merges}
    apart = {each.from_id: each.into_id for each in decisions if each.kind == "apart" and each.from_id not in merged}
    for candidate in sorted(candidates, key=lambda each: each.rank):
        child = _child(forest, candidate, users)
        status = _judge(forest, candidate, child, merged, apart)
        forest.statuses[candidate.from_id, candidate.into_id] = status
        if status == "accepted":
            parent = Parent(candidate.into_id, candidate.kind, candidate.event_id, candidate.event_time)
            forest.parents[child] = parent
    return forest


def _child(forest: Forest, candidate: Candidate, users: Collection[UUID]) -> UUID:
    """The key that would get a parent: that of the evidence, or where a value joins whole persons, their root."""
    key = candidate.from_id
    parent = forest.parents.get(key)
    is_joined = candidate.kind == "identifier" or (parent is not None and parent.reason == "identifier")
    return forest.root(key) if is_joined and candidate.kind != "identify" and key in users else key


def _judge(forest: Forest, candidate: Candidate, key: UUID, merged: set[UUID], apart: Mapping[UUID, UUID]) -> Status:
    if candidate.status == "over_limit":
        return "over_limit"
    if key in merged or candidate.from_id in merged:
        return "overruled"
    if key in apart or candidate.from_id in apart or (candidate.kind == "identifier" and candidate.into_id in apart):
        return "separated"
    if key in forest.parents:
        return "already_linked" if candidate.kind == "alias" else "shared_device"
    root = forest.root(candidate.into_id)
    if root == key:
        return "cycle"
    return "separated" if apart and _joins(forest, key, root, apart) else "accepted"


def _joins(forest: Forest, one: UUID, other: UUID, apart: Mapping[UUID, UUID]) -> bool:
    """Whether joining two roots would bring together a pair that was taken apart."""
    both = {one, other}
    return any({forest.root(left), forest.root(right)} == both for left, right in apart.items())
