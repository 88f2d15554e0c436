"""Use cases of memberships: look at persons again, and announce what changed, in the transaction that changed it.

A membership is a function of the facts, the mapping, the rules and the time: looking again, for whatever reason and
however often, never does harm. Of a fact only those rules are asked that look at facts of its kind; everything is asked
of a person who is new, became one with another, or whom the passing of time may have changed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from services.profiles.membership import repository
from services.profiles.membership.domain import EVERYTHING, Move, Touched
from services.profiles.segments.domain.rule import Leaf
from services.profiles.segments.repository.compiler import Plan, compiled
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged, SegmentEntered, SegmentLeft
from shared.events.envelope import Event, EventData
from shared.identity import mapping
from shared.ids import uuid7

# Persons looked at in one transaction of timed work: some tens of milliseconds.
PIECE = 500

Cause = Literal["fact", "time", "rule"]


@dataclass(slots=True)
class RememberedPlan:
    """What this process compiled last, and of which epoch of the definitions."""

    epoch: int = 0
    plan: Plan = field(default_factory=lambda: compiled(()))

    async def get(self, tx: ReadTx) -> Plan:
        """The plan of all segments; to be asked for while they are held."""
        if (epoch := await repository.epoch(tx)) != self.epoch:
            definitions = await repository.live(tx)
            self.plan, self.epoch = compiled(definitions.segments, definitions), epoch
        return self.plan


@dataclass(frozen=True, slots=True)
class Membership:
    """Keeps memberships true. `zone` is the firm's: events are counted in its days."""

    clock: Clock
    zone: ZoneInfo
    remembered: RememberedPlan = field(default_factory=RememberedPlan)

    async def refresh(self, tx: WriteTx, touched: Touched | None = None, *, cause: Cause = "fact") -> None:
        """Look again at everybody whom this transaction touched; the last thing that a transaction does but emit.

        Merges and unmerges are seen by what it has emitted. It takes locks: see `repository`.
        """
        keys = touched or Touched()
        keys.people.update(_regrouped(tx.emitted))
        if not keys:
            return
        await mapping.hold(tx)
        await repository.hold_definitions(tx)
        plan = await self.remembered.get(tx)
        seen = keys.seen_by(plan.bits) if plan.answers or cause != "fact" else {}
        if seen:
            await self._look(tx, plan, _people(seen, await mapping.roots(tx, seen)), cause)

    async def redefined(self, tx: WriteTx, asks: Callable[[Leaf], bool]) -> None:
        """Something that rules refer to was changed by this transaction, which has claimed the definitions.

        Everybody is asked again for the segments of whose rules a condition asks for it.
        """
        await repository.count_up(tx)
        await repository.ask_again(tx, (await repository.live(tx)).surroundings().asking(asks))

    async def _look(self, tx: WriteTx, plan: Plan, people: Mapping[UUID, int], cause: Cause) -> None:
        await repository.lock_standings(tx, list(people))
        now = self.clock.now()
        entered, left = await repository.look(
            tx, plan, people, now=now, today=now.astimezone(self.zone).date(), zone=self.zone
        )
        if entered or left:
            await _announce(tx, entered, left, cause, now)


def _people(seen: Mapping[UUID, int], roots: Mapping[UUID, UUID]) -> dict[UUID, int]:
    """The persons to look at, in ascending order, each with the bits of what was learnt under their keys.

    A key that was a person and is none any more, which nobody knows of it who learnt just a fact, leaves all segments.
    """
    people = {key: EVERYTHING for key, bits in seen.items() if bits == EVERYTHING}
    for key, root in roots.items():
        people[root] = people.get(root, 0) | seen[key]
    return {key: people[key] for key in sorted(people, key=attrgetter("int"))}


async def _announce(tx: WriteTx, entered: Sequence[Move], left: Sequence[Move], cause: Cause, now: datetime) -> None:
    found = await repository.versions(tx, {move.segment_id for moved in (entered, left) for move in moved})
    for kind, moved in ((SegmentLeft, left), (SegmentEntered, entered)):
        # The same is said of everybody who moves: to make it costs more than to say it.
        said = {
            segment_id: kind(segment_id=segment_id, segment_version=found[segment_id], cause=cause)
            for segment_id in {move.segment_id for move in moved}
        }
        for segment_id, customer_id in moved:
            tx.emit(Event(uuid7(), customer_id, now, now, said[segment_id]))


def _regrouped(emitted: Iterable[Event[EventData]]) -> set[UUID]:
    """The keys that merges and unmerges name. With their roots of now, these are all roots that won or lost a key."""
    return {
        key
        for event in emitted
        if isinstance(event.data, CustomerMerged | CustomerUnmerged)
        for key in (event.data.from_id, event.data.into_id)
    }


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Timed work: whom the passing of time may have changed, and everybody once for a new rule, in bounded pieces."""

    db: Database
    clock: Clock
    membership: Membership

    async def run(self) -> None:
        """Do all there is to do."""
        while await self.look_at_due() or await self.build_piece() or await self.empty_piece():
            pass

    async def look_at_due(self) -> bool:
        """Look at a piece of those who are due; whether there were any."""
        async with self.db.write() as tx:
            people = await repository.due(tx, self.clock.now(), limit=PIECE)
            await self.membership.refresh(tx, Touched(people=set(people)), cause="time")
        return bool(people)

    async def build_piece(self) -> bool:
        """Look at a piece of everybody for the segments that are furthest behind; whether there are any."""
        async with self.db.write() as tx:
            await mapping.hold(tx)
            await repository.hold_definitions(tx)
            behind = await repository.unbuilt(tx)
            if behind is None:
                return False
            keys = await repository.customers_after(tx, behind, limit=PIECE)
            await self.membership.refresh(tx, Touched(people=set(keys)), cause="rule")
            await repository.advance_builds(tx, behind, keys[-1] if len(keys) == PIECE else None)
        return True

    async def empty_piece(self) -> bool:
        """Take a piece of the members out of deleted segments; whether there were any."""
        async with self.db.write() as tx:
            people = await repository.left_behind(tx, limit=PIECE)
            await self.membership.refresh(tx, Touched(people=set(people)), cause="rule")
            if not people:
                await repository.forget_deleted(tx)
        return bool(people)
