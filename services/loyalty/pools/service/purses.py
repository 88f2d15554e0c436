"""The purse of a pool: who may spend of it and how much, for pools themselves, the checkout and rewards.

All of it happens in the caller's transaction. The pool is locked first, then all who are in it; what was spent is noted
beside the ledger, so that the limit of a day and the list of spends know it, however it was spent.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from services.loyalty.pools import repository as rows
from services.loyalty.pools.domain import Limit, Noted, Place, Pool, Seat, Spent, limits, seats, together
from services.loyalty.pools.errors import NotInPool, PoolLimit, PoolUnknown, RoleNeeded, WalletNotPooled
from services.loyalty.programs.domain.calendar import local_day
from services.loyalty.programs.service import Programs
from shared.clock import Clock
from shared.db.engine import ReadTx, WriteTx
from shared.events.catalogue.loyalty_rows import PoolSpent
from shared.events.envelope import Event
from shared.identity import members
from shared.identity.person import Member
from shared.ids import uuid7


class Open(NamedTuple):
    """A pool with all who are in it."""

    pool: Pool
    seats: Sequence[Seat]

    def seat(self, person: UUID) -> Seat:
        """The seat of a member.

        Raises:
            NotInPool: they have none.
        """
        found = next((each for each in self.seats if person in each.member.keys), None)
        if found is None:
            raise NotInPool
        return found

    def owner(self, person: UUID) -> Seat:
        """The seat of the owner, who asks.

        Raises:
            NotInPool, RoleNeeded: somebody else asks.
        """
        return _may(self.seat(person), "owner")

    def purse(self, person: UUID) -> "Purse":
        """The pool as this member spends of it.

        Raises:
            NotInPool, RoleNeeded: they may not.
        """
        seat = _may(self.seat(person), "spender")
        return Purse(self.pool, seat.member, together(self.seats, seat.member), limits(self.pool, seat.place))


class Purse(NamedTuple):
    """A pool as one of its members spends of it; `all` has the keys of everybody in it, `limits` are the member's."""

    pool: Pool
    spender: Member
    all: Member
    limits: Sequence[Limit]


class Left(NamedTuple):
    """So many points may still be spent under a limit."""

    points: int
    limit: Limit


@dataclass(frozen=True, slots=True)
class Purses:
    """Opens pools, and notes what is spent of them."""

    clock: Clock
    programs: Programs

    async def open(self, tx: WriteTx, key: UUID, *, also: Collection[UUID] = ()) -> Open:
        """A pool, locked, with all who are in it; so are the person keys `also`.

        Raises:
            PoolUnknown: there is none.
        """
        pool = await rows.lock(tx, key)
        if pool is None:
            raise PoolUnknown
        places = await rows.places(tx, key)
        locked = await members.lock_many(tx, {*also, *(each.person_id for each in places)})
        return Open(pool, await seats_of(tx, key, places, locked.values()))

    async def lock(self, tx: WriteTx, key: UUID, person: UUID, *, also: Collection[UUID] = ()) -> Purse:
        """The purse of a pool for this person; it and all who are in it are locked.

        Raises:
            PoolUnknown, NotInPool, RoleNeeded: they may not spend of it.
        """
        return (await self.open(tx, key, also=also)).purse(person)

    async def look(self, tx: ReadTx, key: UUID, person: UUID) -> Purse:
        """The same for one who only looks.

        Raises:
            PoolUnknown, NotInPool, RoleNeeded: they may not spend of it.
        """
        pool = await rows.get(tx, key)
        if pool is None:
            raise PoolUnknown
        places = await rows.places(tx, key)
        found = await members.find_many(tx, {each.person_id for each in places})
        return Open(pool, await seats_of(tx, key, places, found.values())).purse(person)

    async def left(self, tx: ReadTx, purse: Purse, wallet: str) -> int | None:
        """How many points the member may still spend of the pool by now; None: as many as there are.

        Raises:
            WalletNotPooled: the points of this wallet are not shared.
        """
        tightest = await self._tightest(tx, purse, wallet)
        return None if tightest is None else tightest.points

    async def _tightest(self, tx: ReadTx, purse: Purse, wallet: str) -> Left | None:
        """The limit that leaves least; None: there is none.

        Raises:
            WalletNotPooled: the points of this wallet are not shared.
        """
        pool = purse.pool
        if wallet not in pool.wallets:
            raise WalletNotPooled(wallet, pool.wallets)
        if not purse.limits:
            return None
        now = self.clock.now()
        day = local_day(now, (await self.programs.current(tx, now)).zone_of(wallet))
        found = []
        for limit in purse.limits:
            spent = await rows.spent_since(tx, pool.id, purse.spender.keys, limit.since(day), day)
            found.append(Left(max(0, limit.points - spent), limit))
        return min(found, key=lambda each: each.points)

    async def allow(self, tx: ReadTx, purse: Purse, wallet: str, points: int) -> None:
        """Let the member spend so many.

        Raises:
            WalletNotPooled, PoolLimit: they may not.
        """
        left = await self._tightest(tx, purse, wallet)
        if left is not None and points > left.points:
            raise PoolLimit(left.limit.points, left.limit.per, left.points)

    async def note(self, tx: WriteTx, spent: Spent) -> None:
        """Keep what was spent or set apart, under the local day it counts on."""
        zone = (await self.programs.current(tx, spent.recorded_at)).zone_of(spent.wallet)
        day = local_day(spent.recorded_at, zone)
        await rows.add_spent(tx, spent, day)
        self._tell(tx, [Noted(spent, day)])

    async def captured(self, tx: WriteTx, hold: UUID, operation: str) -> None:
        """What a hold had set apart was spent under this key of the ledger."""
        self._tell(tx, await rows.set_operation(tx, hold, operation))

    async def returned(self, tx: WriteTx, operation: str, points: int) -> None:
        """So many more points of a spend came back, to the members they were of."""
        self._tell(tx, await rows.add_returned(tx, operation, points))

    def _tell(self, tx: WriteTx, noted: Sequence[Noted]) -> None:
        now = self.clock.now()
        for each in noted:
            tx.emit(Event(uuid7(), each.spent.person_id, now, now, _told(each)))


def _told(noted: Noted) -> PoolSpent:
    """The whole spend, as it is."""
    spent = noted.spent
    return PoolSpent(
        spend_id=spent.id,
        pool_id=spent.pool_id,
        wallet=spent.wallet,
        points=spent.points,
        returned=spent.returned,
        is_hold=spent.is_hold,
        reference=spent.reference,
        recorded_at=spent.recorded_at,
        by=spent.recorded_by,
        operation=spent.operation,
        day=noted.day,
    )


async def keys_of(tx: ReadTx, pool: UUID) -> set[UUID]:
    """All keys of all who are in a pool."""
    found = await members.find_many(tx, {each.person_id for each in await rows.places(tx, pool)})
    return {key for member in found.values() for key in member.keys}


async def seats_of(tx: ReadTx, pool: UUID, places: Sequence[Place], found: Collection[Member]) -> list[Seat]:
    """The persons in a pool; of who has a place elsewhere as well, the first counts."""
    of = {key: member for member in found for key in member.keys}
    every = await rows.places_of(tx, of) if places else []
    return seats(pool, every, of)


def _may(seat: Seat, needed: str) -> Seat:
    allowed = ("owner",) if needed == "owner" else ("owner", "spender")
    if seat.place.role not in allowed:
        raise RoleNeeded(seat.place.role, needed)
    return seat
