"""Use cases of the identity graph: take in evidence, and follow it; let people merge and take apart.

The graph, the announcement and our own copy of the mapping change in one transaction, under one lock. The lock is
taken after all other rows of a transaction are written, so nobody waits for it who holds what its owner needs.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.profiles.domain.facts import Link
from services.profiles.errors import MergeIntoVisitor, NotMerged, SamePerson
from services.profiles.identity import repository
from services.profiles.identity.domain import Candidate, Decision, Forest, LogEntry, Parent, grow
from services.profiles.identity.repository import Place
from shared.db.engine import WriteTx
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.envelope import Event
from shared.identity import mapping
from shared.ids import uuid7

Announcement = Event[CustomerMerged] | Event[CustomerUnmerged]


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes the graph, when, and what they said about it; evidence alone has neither name nor note."""

    now: datetime
    name: str | None = None
    note: str | None = None

    @property
    def cause(self) -> Literal["earlier_link", "manual"]:
        """Why a merge ends: earlier evidence came, or somebody decided."""
        return "earlier_link" if self.name is None else "manual"


async def take_in(tx: WriteTx, links: Mapping[tuple[UUID, UUID], Link], author: Author) -> None:
    """Add evidence, as far as it is news; merge and unmerge what follows from it."""
    if not links:
        return
    await mapping.claim(tx)
    await repository.put_links(tx, links)
    await _settle(tx, {from_id for from_id, _ in links}, frozenset(), author)


async def merge(tx: WriteTx, from_id: UUID, into_id: UUID, author: Author) -> None:
    """Somebody says that the person of `from_id` is the person of `into_id`.

    Raises:
        SamePerson: they are one already.
        MergeIntoVisitor: a known customer would become a visitor.
    """
    await mapping.claim(tx)
    roots = await mapping.roots(tx, (from_id, into_id))
    if roots[from_id] == roots[into_id]:
        raise SamePerson(roots[from_id])
    root = roots[from_id]
    identified = await repository.identified(tx, roots.values())
    if root in identified and roots[into_id] not in identified:
        raise MergeIntoVisitor
    await repository.decide(tx, Decision(root, "merge", into_id, uuid7(), author.now))
    await _settle(tx, frozenset(), {root}, author)


async def unmerge(tx: WriteTx, from_id: UUID, author: Author) -> None:
    """Somebody says that the key is not the person it was merged into; whatever is merged into the key stays with it.

    A merge that somebody decided is undone, and what was before comes back. One that follows from evidence is taken
    apart: no evidence, old or new, merges the key again or brings the two together.

    Raises:
        NotMerged: the key is merged into nothing.
    """
    await mapping.claim(tx)
    place = (await repository.places(tx, (from_id,))).get(from_id)
    if place is None or place.parent_id is None:
        raise NotMerged(from_id)
    manual = [each for each in await repository.decisions(tx, (from_id,)) if each.kind == "merge"]
    if manual:
        await repository.withdraw(tx, manual[0].id)
        # The other side may hang on evidence that this merge refused.
        await _settle(tx, frozenset(), {from_id, manual[0].into_id}, author)
        return
    await repository.decide(tx, Decision(from_id, "apart", place.parent_id, uuid7(), author.now))
    await _settle(tx, frozenset(), {from_id}, author)


async def _settle(tx: WriteTx, told: Collection[UUID], decided: Collection[UUID], author: Author) -> None:
    """Grow the part of the forest that may have changed, and announce what has.

    Of a key of which there is only more evidence, and into which nothing leads, the accepted link and the new ones
    tell all: thousands of people may have used one device, and nobody should wait while they are read.
    """
    ringed = await repository.inner(tx, {*told, *decided})
    whole = set(decided) | (await repository.component(tx, ringed) if ringed else set())
    leaves = set(told) - whole
    known = [*await repository.candidates(tx, whole), *await repository.accepted(tx, leaves)]
    scope = whole | leaves
    forest = grow(known, await repository.decisions(tx, scope))
    await _note_statuses(tx, known, forest)
    places = await repository.places(tx, scope)
    events: list[Announcement] = []
    entries: list[LogEntry] = []
    for key in sorted(scope):
        _move(key, places.get(key, Place(None, 0)), forest.parents.get(key), author, events, entries)
    if not events:
        return
    await repository.log(tx, entries)
    await mapping.follow(tx, events)
    for event in events:
        tx.emit(event)


async def _note_statuses(tx: WriteTx, known: Sequence[Candidate], forest: Forest) -> None:
    pairs = {(each.from_id, each.into_id): each.status for each in known}
    changed = {pair: status for pair, status in forest.statuses.items() if pairs[pair] != status}
    if changed:
        await repository.set_statuses(tx, changed)


def _move(
    key: UUID, place: Place, parent: Parent | None, author: Author, events: list[Announcement], entries: list[LogEntry]
) -> None:
    """Give a key its parent: at most an unmerge and a merge, each with the next version."""
    if place.parent_id == (parent.id if parent else None):
        return
    version = place.version
    now, by, note = author.now, author.name, author.note
    if place.parent_id is not None:
        version += 1
        gone = CustomerUnmerged(from_id=key, into_id=place.parent_id, version=version, reason=author.cause)
        events.append(Event(uuid7(), key, now, now, gone))
        entries.append(LogEntry(key, version, "unmerged", gone.into_id, gone.reason, None, None, now, by, note))
    if parent is not None:
        version += 1
        come = CustomerMerged(from_id=key, into_id=parent.id, version=version, reason=parent.reason)
        events.append(Event(uuid7(), key, parent.time, now, come))
        evidence = None if parent.reason == "manual" else parent.event_id
        entries.append(LogEntry(key, version, "merged", parent.id, parent.reason, evidence, parent.time, now, by, note))
