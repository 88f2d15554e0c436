"""Ending holds: those whose time is over, by a job or by whoever needs what they hold."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.loyalty.checkout.domain.effects import Effects, letting_go
from services.loyalty.checkout.domain.reservation import Reservation
from services.loyalty.checkout.repository import counters, reservations
from services.loyalty.checkout.service.telling import tell_reservation
from services.loyalty.points.repository import ledger
from services.loyalty.points.service import Points
from services.loyalty.pools.service.purses import keys_of
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.identity import members

# Ended in one transaction, and at one need.
BATCH = 20
MOST_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Ending:
    """Ends holds."""

    db: Database
    clock: Clock
    points: Points

    async def reclaim(
        self, person: UUID, campaigns: Collection[UUID], order_id: str | None, pool: UUID | None = None
    ) -> int:
        """End holds that have run out, of this person, these campaigns, this order, or anybody in this household; how
        many there were."""
        async with self.db.read() as tx:
            keys = set((await members.find(tx, person)).keys)
            if pool is not None:
                keys |= await keys_of(tx, pool)
            due = await reservations.overdue_of(
                tx, persons=keys, campaigns=campaigns, order_id=order_id, limit=MOST_AT_ONCE
            )
        return await self._expire_all(due)

    async def expire_due(self) -> int:
        """End all holds that have run out; how many there were."""
        ended = 0
        while True:
            async with self.db.read() as tx:
                due = await reservations.overdue(tx, limit=MOST_AT_ONCE)
            if not due:
                return ended
            done = await self._expire_all(due)
            ended += done
            if not done:
                # Others are ending the same ones.
                return ended

    async def _expire_all(self, due: Sequence[tuple[UUID, UUID]]) -> int:
        ended = 0
        for start in range(0, len(due), BATCH):
            async with self.db.write() as tx:
                ended += await self._expire(tx, due[start : start + BATCH])
        return ended

    async def _expire(self, tx: WriteTx, due: Sequence[tuple[UUID, UUID]]) -> int:
        await members.lock_many(tx, await persons_of(tx, due))
        mine = [reservation_id for reservation_id, _ in sorted(due) if await reservations.expire(tx, reservation_id)]
        ended = [held for each in mine if (held := await reservations.find(tx, each)) is not None]
        await self.let_go(tx, ended)
        for held in ended:
            tell_reservation(tx, held, self.clock.now())
        return len(mine)

    async def let_go(self, tx: WriteTx, ended: Sequence[Reservation]) -> None:
        """Return all that reservations held that this transaction has ended; their persons are locked."""
        effects = Effects()
        for held in ended:
            add_letting_go(effects, held)
        await counters.apply(tx, effects)
        for held in ended:
            if held.paid.points:
                await self.points.release(tx, held.id)


async def persons_of(tx: ReadTx, due: Sequence[tuple[UUID, UUID]]) -> set[UUID]:
    """All persons that something of is held: also those who were one person with them when it was."""
    persons = {person for _, person in due}
    for reservation_id, _ in due:
        persons.update(await ledger.operation_persons(tx, f"hold:{reservation_id}"))
    return persons


def add_letting_go(effects: Effects, held: Reservation) -> None:
    """A hold ends without a use."""
    for hold in held.holds:
        effects.add(hold.campaign_id, hold.voucher_id, held.person, letting_go(hold.minor), hold.charges)
