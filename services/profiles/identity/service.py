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
from services.profiles.identity.domain import (
    Candidate,
    Decision,
    Forest,
    LogEntry,
    Outlook,
    Parent,
    grow,
    misplaced,
    top,
)
from services.profiles.identity.repository import Place
from services.profiles.merging.errors import SplitTooLarge
from shared.db.engine import ReadTx, WriteTx
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.envelope import Event
from shared.identity import mapping
from shared.ids import uuid7

# Keys that one split may have to decide on; each is a row, and is read whenever its person changes.
MAX_DECISIONS = 1_000

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


async def take_in(tx: WriteTx, links: Mapping[tuple[UUID, UUID], Link], author: Author, *, limit: int) -> None:
    """Add evidence, as far as it is news; merge and unmerge what follows from it.

    The earliest `limit` links into a key count; those that later ones push out, or that come later, are refused.
    """
    if not links:
        return
    await mapping.claim(tx)
    await repository.put_links(tx, links)
    refused = await repository.refuse_over_limit(tx, {into_id for _, into_id in links}, seats=limit)
    await _settle(tx, {from_id for from_id, _ in links}, refused, author)


async def merge(tx: WriteTx, from_id: UUID, into_id: UUID, author: Author) -> None:
    """Somebody says that the person of `from_id` is the person of `into_id`.

    Raises:
        SamePerson: they are one already.
        MergeIntoVisitor: a known customer would become a visitor.
    """
    await mapping.claim(tx)
    root = await _mergeable(tx, from_id, into_id)
    await repository.decide(tx, Decision(root, "merge", into_id, uuid7(), author.now))
    await _settle(tx, frozenset(), {root}, author)


async def foresee(tx: ReadTx, from_id: UUID, into_id: UUID, now: datetime) -> Outlook:
    """What `merge` would make of the two if it were asked now.

    Raises:
        SamePerson, MergeIntoVisitor: as the merge would.
    """
    root = await _mergeable(tx, from_id, into_id)
    scope = await repository.component(tx, {root, into_id})
    stands = [each for each in await repository.decisions(tx, scope) if (each.from_id, each.kind) != (root, "merge")]
    wish = Decision(root, "merge", into_id, uuid7(), now)
    found = await repository.candidates(tx, scope)
    forest = grow(found, [*stands, wish], await _joined_users(tx, found))
    places = await repository.places(tx, scope)
    grown = {key: forest.parents[key].id if key in forest.parents else None for key in scope}
    moved = {key for key in scope if grown[key] != places.get(key, Place(None, 0)).parent_id}
    touched = {*moved, *(parent for key in moved if (parent := grown[key]) is not None)}
    people = await mapping.members(tx, set((await mapping.roots(tx, touched)).values()))
    keys = [key for members in people.values() for key in members]
    parents = {key: place.parent_id for key, place in (await repository.places(tx, keys)).items()} | grown
    end = top(into_id, parents)
    return Outlook(end, sorted(key for key in keys if top(key, parents) == end), forest.statuses)


async def _mergeable(tx: ReadTx, from_id: UUID, into_id: UUID) -> UUID:
    """The root of `from_id`, if it may become the person of `into_id`."""
    roots = await mapping.roots(tx, (from_id, into_id))
    if roots[from_id] == roots[into_id]:
        raise SamePerson(roots[from_id])
    identified = await repository.identified(tx, roots.values())
    if roots[from_id] in identified and roots[into_id] not in identified:
        raise MergeIntoVisitor
    return roots[from_id]


async def split(tx: WriteTx, root: UUID, taken: Collection[UUID], author: Author) -> UUID:
    """Somebody says that these keys of the person are one of their own: the root of the two that is not `root`.

    Evidence never brings the two together again, and a merge by hand gives back the person there was.

    Raises:
        SplitTooLarge: more keys hang on those of the other side than are decided on at once.
    """
    await mapping.claim(tx)
    whole = (await mapping.members(tx, (root,)))[root]
    out = frozenset(taken) if root not in taken else frozenset(whole) - frozenset(taken)
    identified = await repository.identified(tx, out)
    head: UUID | None = None
    while True:
        places = await repository.places(tx, whole)
        parents = {key: places[key].parent_id if key in places else None for key in whole}
        if head is None:
            head = min((key for key in out if parents[key] not in out), key=lambda key: (key not in identified, key))
        astray = misplaced(parents, out, heads=(head, root))
        if not astray:
            return head
        if len(astray) > MAX_DECISIONS:
            raise SplitTooLarge(len(astray), MAX_DECISIONS)
        for key in astray:
            await _place(tx, key, None if key in (head, root) else head if key in out else root, parents[key], author)
        # Refused evidence may join the sides elsewhere once they are two: then that key is decided on as well. A key
        # that somebody decided on stays where it is, so this ends.
        await _settle(tx, frozenset(), {*astray, head, root}, author)


async def _place(tx: WriteTx, key: UUID, into_id: UUID | None, parent: UUID | None, author: Author) -> None:
    """Decide that a key belongs under `into_id`, or, for None, that it is not the person of its parent."""
    if into_id is not None:
        await repository.decide(tx, Decision(key, "merge", into_id, uuid7(), author.now))
        return
    for decision in await repository.decisions(tx, (key,)):
        if decision.kind == "merge":
            await repository.withdraw(tx, decision.id)
    if parent is not None:
        await repository.decide(tx, Decision(key, "apart", parent, uuid7(), author.now))


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
    forest = grow(known, await repository.decisions(tx, scope), await _joined_users(tx, known))
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


async def _joined_users(tx: ReadTx, candidates: Sequence[Candidate]) -> set[UUID]:
    """The keys of known customers, if shared values join any."""
    if all(each.kind != "identifier" for each in candidates):
        return set()
    return await repository.identified(tx, {each.from_id for each in candidates})


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
