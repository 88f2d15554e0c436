"""What referrals earn: worked out from what is known, and settled with the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from services.loyalty.audience import repository as known
from services.loyalty.audience.domain import KnownTouchpoint
from services.loyalty.earning.service.earning import Earning
from services.loyalty.points.service import Points, Target
from services.loyalty.referrals.domain.program import SIDES, Reward, Side
from services.loyalty.referrals.domain.referral import Done, Hindrance, Reached, Referral, outcome
from services.loyalty.referrals.repository import referrals as rows
from services.loyalty.referrals.service import telling
from services.loyalty.vouchers.service import Assign, Assignments
from services.loyalty.vouchers.service.gifts import settle_gift
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.errors import AppError
from shared.events.catalogue.touchpoints import TouchpointRecorded
from shared.events.envelope import Event
from shared.events.orders import OrderFact
from shared.identity import mapping, members
from shared.observability.logging import logger

log = logger(__name__)

TAKE = 100
# What could not be paid is tried again after this time.
RETRY = timedelta(hours=1)
MAX_RING = 200


class Edge(NamedTuple):
    """A referral that stands, seen from persons: the roots of the two."""

    referral: Referral
    advocate: UUID


@dataclass(frozen=True, slots=True)
class Settling:
    """Referrals, from what is known to what is paid."""

    db: Database
    clock: Clock
    points: Points
    assignments: Assignments
    earning: Earning

    async def note_orders(self, tx: WriteTx, events: Sequence[Event[OrderFact]]) -> None:
        """Have the referrals looked at whose friends' orders changed; in the transaction that stores the orders."""
        await rows.queue_orders(tx, {event.data.order_id for event in events})

    async def note_touchpoints(self, tx: WriteTx, events: Sequence[Event[TouchpointRecorded]]) -> None:
        """Keep what a milestone asks for by now, and have the referrals looked at that brought those who did it."""
        asked = await rows.asked_names(tx)
        found = [(each.id, each.subject, each.data.name, each.time) for each in events if each.data.name in asked]
        if found and (persons := await rows.add_touchpoints(tx, found)):
            await rows.queue_friends(tx, persons)

    async def note_moves(self, tx: WriteTx, moved: Mapping[UUID, tuple[UUID, UUID]]) -> None:
        """Have the referrals looked at whose people are others now; in the transaction of the merge."""
        if not moved:
            return
        roots = {root for pair in moved.values() for root in pair}
        families = await mapping.members(tx, roots)
        await rows.queue_persons(tx, {*moved, *(key for keys in families.values() for key in keys)})

    async def run(self) -> int:
        """Look at those that wait for it, and at those whose time has come; how many."""
        async with self.db.write() as tx:
            keys = sorted(await rows.take(tx, most=TAKE))
            # Their persons are locked together, so that two workers never wait for each other.
            await self._settle_all(tx, keys)
        async with self.db.read() as tx:
            due = await rows.due(tx, self.clock.now(), most=TAKE)
        for key in due:
            async with self.db.write() as tx:
                await self._settle_all(tx, [key])
        await self.tell()
        return len(keys) + len(due)

    async def tell(self) -> None:
        """Let earning hear of what was completed: rules may reward it as well. It takes each fact once."""
        async with self.db.write() as tx:
            untold = await rows.untold(tx, most=TAKE)
            facts = [
                KnownTouchpoint("referral", f"{row.id}:{row.milestone}:{side}", key, side, row.completed_at)
                for row in untold
                for side, key in (("advocate", row.advocate_id), ("friend", row.friend_id))
            ]
            if facts:
                await self.earning.record(tx, facts)
                await rows.note_told(tx, [(row.id, row.milestone) for row in untold])

    async def _settle_all(self, tx: WriteTx, keys: Sequence[UUID]) -> None:
        found = [each for key in keys if (each := await rows.get(tx, key)) is not None]
        await members.lock_many(tx, {person for each in found for person in (each.advocate_id, each.friend_id)})
        for each in found:
            now = await rows.get(tx, each.id)
            if now is not None:
                await self.settle(tx, now)

    async def settle(self, tx: WriteTx, referral: Referral) -> None:
        """Bring what a referral has given to what it has earned. Its two persons are locked."""
        hindrance = await self._hindrance(tx, referral) if referral.state in ("active", "review") else None
        now = self.clock.now()
        if (hindered := await rows.hinder(tx, referral.id, hindrance)) is not None:
            tx.emit(telling.changed(hindered, now))
        referral = referral._replace(hindrance=hindrance)
        friend = await members.find(tx, referral.friend_id)
        did = Done(await known.orders_of(tx, friend.keys), await rows.touchpoints_of(tx, friend.keys))
        before = (await rows.reached(tx, (referral.id,)))[referral.id]
        found = outcome(referral, did, before, now=now)
        done = {each.milestone for each in before if each.completed_at}
        paid: list[Reached] = []
        for each in found:
            if (problem := await self._pay(tx, referral, each)) is None:
                paid.append(each)
            else:
                old = next((known for known in before if known.milestone == each.milestone), None)
                completed_at = old.completed_at if old else None
                paid.append(each._replace(state="held", due_at=now + RETRY, completed_at=completed_at, problem=problem))
        new = {each.milestone for each in paid if each.completed_at} - done
        versions = await rows.put_reached(tx, referral.id, paid, untold=new)
        for each in paid:
            if (version := versions.get(each.milestone)) is not None:
                tx.emit(telling.moved(referral, each, version, now))
            if each.milestone in new:
                tx.emit(telling.completed(referral, each, now))

    async def _hindrance(self, tx: WriteTx, referral: Referral) -> Hindrance | None:
        """What a merge brought about: advocate and friend are one, the friend came before, or a ring was closed."""
        found = await members.find_many(tx, (referral.advocate_id, referral.friend_id))
        advocate, friend = found[referral.advocate_id], found[referral.friend_id]
        if advocate.root == friend.root:
            return "self"
        others = await rows.of_friends(tx, friend.keys)
        if any(each.state in ("active", "review") and each.place < referral.place for each in others):
            return "already_referred"
        edges = await ring(tx, advocate.root, friend.root)
        if not edges:
            return None
        last = max([referral, *(edge.referral for edge in edges)], key=lambda each: each.place)
        if last.id == referral.id:
            return "cycle"
        # Another one closed the ring: that one falls.
        await rows.queue(tx, [last.id])
        return None

    async def _pay(self, tx: WriteTx, referral: Referral, reached: Reached) -> str | None:
        """Settle both sides; the code of the refusal where a voucher cannot be assigned now."""
        milestone = next(each for each in referral.terms.milestones if each.name == reached.milestone)
        is_paid, told = reached.state == "paid", len(tx.emitted)
        try:
            async with tx.connection.begin_nested():
                for side in SIDES:
                    if (reward := milestone.rewards.get(side)) is not None:
                        await self._give(tx, referral, reached, side, reward, is_paid=is_paid)
        except AppError as refusal:
            # What was done to one side is undone; it is not told of either.
            del tx.emitted[told:]
            log.warning("referral_not_paid", referral=str(referral.id), code=refusal.code)
            return refusal.code
        return None

    async def _give(
        self, tx: WriteTx, referral: Referral, reached: Reached, side: Side, reward: Reward, *, is_paid: bool
    ) -> None:
        person = referral.advocate_id if side == "advocate" else referral.friend_id
        source = f"referral:{referral.id}:{reached.milestone}:{side}"
        if reward.campaign_id is not None:
            gift = Assign(reward.campaign_id, person, source, by="referrals")
            await settle_gift(tx, self.assignments, gift, is_due=is_paid)
            return
        at = reached.due_at or referral.registered_at
        points = reward.points if is_paid else 0
        target = Target(
            person, reward.wallet, source, points, at, reason="referral", reference=str(referral.id), kind="earned"
        )
        await self.points.settle(tx, target)


async def ring(tx: ReadTx, advocate: UUID, friend: UUID) -> list[Edge]:
    """The referrals that lead from whoever brought `friend`'s descendants up to `advocate`: a ring, if this one stood.

    Both are roots. Walks up from the advocate along referrals that stand; empty where it never meets the friend.
    """
    edges: list[Edge] = []
    seen = {advocate}
    at = advocate
    while len(edges) < MAX_RING:
        keys = (await mapping.members(tx, (at,)))[at]
        above = [
            each
            for each in await rows.of_friends(tx, keys)
            if each.state in ("active", "review") and each.hindrance is None
        ]
        if not above:
            return []
        roots = await mapping.roots(tx, (above[0].advocate_id,))
        at = roots[above[0].advocate_id]
        edges.append(Edge(above[0], at))
        if at == friend:
            return edges
        if at in seen:
            return []
        seen.add(at)
    return []
