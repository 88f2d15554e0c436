"""Use cases of pools. Each locks the pool, then all who are in it: nothing changes meanwhile."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from pydantic import BaseModel

from services.loyalty.points.domain.requests import HoldRequest, Spend
from services.loyalty.points.repository import holds
from services.loyalty.points.service import Points
from services.loyalty.pools import repository as rows
from services.loyalty.pools.domain import Invitation, InvitationState, Place, Pool, Spent
from services.loyalty.pools.errors import (
    BadPoolMember,
    InPoolAlready,
    InvitationOver,
    InvitationUnknown,
    PoolFull,
    PoolNone,
    PoolSpendElsewhere,
    PoolSpendUnknown,
    PoolUnknown,
    RoleNeeded,
)
from services.loyalty.pools.schemas import (
    ChangeIn,
    InvitationOut,
    InviteIn,
    LeaveIn,
    MemberLimitIn,
    PoolHoldIn,
    PoolIn,
    PoolOut,
    ReturnIn,
    RoleIn,
    SeatOut,
    SpendIn,
    SpentOut,
)
from services.loyalty.pools.service.purses import Purse, Purses, seats_of
from services.loyalty.programs.service import Programs
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.identity import members
from shared.identity.person import Member
from shared.ids import customer_key, uuid7


@dataclass(frozen=True, slots=True)
class Pools:
    """Household pools."""

    db: Database
    clock: Clock
    programs: Programs
    points: Points

    @property
    def purses(self) -> Purses:
        """What members spend of."""
        return Purses(self.clock, self.programs)

    async def create(self, body: PoolIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Make a pool with its owner alone.

        Raises:
            UnknownWallet: the programme has no such wallet.
            InPoolAlready: the owner is in one.
        """
        owner = read_member(body.owner)
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            now = self.clock.now()
            terms = await self.programs.current(tx, now)
            for wallet in body.wallets:
                terms.wallet(wallet)
            member = await members.lock(tx, owner)
            await _free(tx, member)
            wallets = tuple(dict.fromkeys(body.wallets))
            pool = Pool(uuid7(), wallets, body.max_members, body.daily_limit, now, by, None)
            await rows.add(tx, pool)
            await rows.join(tx, Place(uuid7(), pool.id, owner, "owner", now))
            return await self._answer(tx, idem, 201, await self._pool(tx, pool))

    async def change(self, key: UUID, body: ChangeIn, *, idem: Idempotent | None) -> Answer:
        """Change what holds for everybody in it.

        Raises:
            PoolUnknown, NotInPool, RoleNeeded: the owner alone may.
            PoolFull: there are more members than that.
        """
        by = read_member(body.by)
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            found = await self.purses.open(tx, key)
            found.owner(by)
            if len(await rows.places(tx, key)) > body.max_members:
                raise PoolFull(body.max_members)
            pool = found.pool._replace(max_members=body.max_members, daily_limit=body.daily_limit)
            await rows.change(tx, pool)
            return await self._answer(tx, idem, 200, await self._pool(tx, pool))

    async def invite(self, key: UUID, body: InviteIn, *, idem: Idempotent | None) -> Answer:
        """Invite somebody; what was open for them before is revoked.

        Raises:
            PoolUnknown, NotInPool, RoleNeeded: the owner alone may.
            InPoolAlready: they are in it.
        """
        by, person = read_member(body.by), read_member(body.member)
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            found, now = await self.purses.open(tx, key), self.clock.now()
            found.owner(by)
            if any(person in each.member.keys for each in found.seats):
                raise InPoolAlready
            until = now + timedelta(days=body.ttl_days)
            made = Invitation(uuid7(), key, person, body.role, "open", now, until, None)
            await rows.invite(tx, made)
            return await self._answer(tx, idem, 201, InvitationOut.of(made))

    async def accept(self, invitation: UUID, *, idem: Idempotent | None) -> Answer:
        """The invited person comes in.

        Raises:
            InvitationUnknown, InvitationOver, PoolUnknown: it does not stand.
            InPoolAlready: they are in a pool.
            PoolFull: there is no room any more.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            asked = await _asked(tx, invitation)
            found = await self.purses.open(tx, asked.pool_id, also=(asked.person_id,))
            # Read again: somebody may have decided while we waited.
            asked, now = self._standing(await _asked(tx, invitation)), self.clock.now()
            await _free(tx, await members.find(tx, asked.person_id))
            if len(await rows.places(tx, asked.pool_id)) >= found.pool.max_members:
                raise PoolFull(found.pool.max_members)
            await rows.join(tx, Place(uuid7(), asked.pool_id, asked.person_id, asked.role, now))
            await rows.decide(tx, invitation, "accepted", now)
            return await self._answer(tx, idem, 200, await self._pool(tx, found.pool))

    async def end_invitation(self, invitation: UUID, state: InvitationState, *, idem: Idempotent | None) -> Answer:
        """The invited person declines, or the invitation is revoked.

        Raises:
            InvitationUnknown, InvitationOver, PoolUnknown: it does not stand.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await self.purses.open(tx, (await _asked(tx, invitation)).pool_id)
            asked = self._standing(await _asked(tx, invitation))
            await rows.decide(tx, invitation, state, self.clock.now())
            return await self._answer(tx, idem, 200, InvitationOut.of(asked._replace(state=state)))

    async def leave(self, key: UUID, body: LeaveIn, *, idem: Idempotent | None) -> Answer:
        """A member leaves with what is left of their own points, or is sent away by the owner.

        Where the owner leaves, whoever joined first of the others owns it; where nobody is left, it is closed.

        Raises:
            PoolUnknown, NotInPool, RoleNeeded: they are not in it, or may not be sent away by who asks.
        """
        person = read_member(body.member)
        by = person if body.by is None else read_member(body.by)
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            found = await self.purses.open(tx, key)
            seat = found.seat(person)
            if by not in seat.member.keys:
                found.owner(by)
            said = await self._pool(tx, found.pool)
            await self._gone(tx, found.pool, {seat.place.id})
            after = await rows.get(tx, key)
            return await self._answer(tx, idem, 200, said if after is None else await self._pool(tx, after))

    async def set_role(self, key: UUID, body: RoleIn, *, idem: Idempotent | None) -> Answer:
        """Give a member another role; a new owner makes the old one a spender.

        Raises:
            PoolUnknown, NotInPool, RoleNeeded: the owner alone may, and not give up owning it for nobody.
        """
        by, person = read_member(body.by), read_member(body.member)
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            found = await self.purses.open(tx, key)
            owner, seat = found.owner(by), found.seat(person)
            if seat.place.id == owner.place.id and body.role != "owner":
                raise RoleNeeded("owner", "another owner first")
            if body.role == "owner" and seat.place.id != owner.place.id:
                await rows.set_role(tx, owner.place.id, "spender")
            await rows.set_role(tx, seat.place.id, body.role)
            return await self._answer(tx, idem, 200, await self._pool(tx, found.pool))

    async def set_limit(self, key: UUID, body: MemberLimitIn, *, idem: Idempotent | None) -> Answer:
        """Say what a member may spend in a period; it ends when they leave.

        Raises:
            PoolUnknown, NotInPool, RoleNeeded: the owner alone may.
        """
        by, person = read_member(body.by), read_member(body.member)
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            found = await self.purses.open(tx, key)
            found.owner(by)
            place = found.seat(person).place
            await rows.set_limit(tx, place.id, body.points, None if body.points is None else body.per)
            return await self._answer(tx, idem, 200, await self._pool(tx, found.pool))

    async def spend(self, key: UUID, body: SpendIn, *, actor: str, idem: Idempotent | None) -> Answer:
        """A member spends of what all have, what ends first first, whoever's it is.

        Raises:
            PoolUnknown, NotInPool, RoleNeeded, WalletNotPooled, PoolLimit: they may not.
            NotEnoughPoints: all together have not as many.
        """

        async def take(tx: WriteTx, purse: Purse, spent: Spent) -> None:
            operation = spent.operation or ""
            await self.points.spend(
                tx, Spend(purse.all, body.wallet, body.points, operation, body.reason, body.reference, actor)
            )

        return await self._draw(key, body, take, is_hold=False, actor=actor, idem=idem)

    async def hold(self, key: UUID, body: PoolHoldIn, *, actor: str, idem: Idempotent | None) -> Answer:
        """A member sets points apart of what all have; the hold is committed, extended and voided as any other.

        Raises:
            PoolUnknown, NotInPool, RoleNeeded, WalletNotPooled, PoolLimit: they may not.
            NotEnoughPoints: all together have not as many.
        """

        async def take(tx: WriteTx, purse: Purse, spent: Spent) -> None:
            until = await holds.deadline(tx, body.ttl_seconds)
            await self.points.hold(tx, HoldRequest(spent.id, purse.all, body.wallet, body.points, until))

        return await self._draw(key, body, take, is_hold=True, actor=actor, idem=idem)

    async def _draw(
        self,
        key: UUID,
        body: SpendIn | PoolHoldIn,
        take: Callable[[WriteTx, Purse, Spent], Awaitable[None]],
        *,
        is_hold: bool,
        actor: str,
        idem: Idempotent | None,
    ) -> Answer:
        """What a spend and a hold have in common: who may, and what is noted; `take` moves the points."""
        by, made = read_member(body.by), uuid7()
        operation = None if is_hold else f"pool:{made}"
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            purse = await self.purses.lock(tx, key, by)
            await self.purses.allow(tx, purse, body.wallet, body.points)
            spent = Spent(
                made, key, by, body.wallet, body.points, 0, is_hold, body.reference, self.clock.now(), actor, operation
            )
            await take(tx, purse, spent)
            await self.purses.note(tx, spent)
            return await self._answer(tx, idem, 201, SpentOut.of(spent))

    async def give_back(self, key: UUID, spend: UUID, body: ReturnIn, *, idem: Idempotent | None) -> Answer:
        """Return points of a spend to the lots they came from, whoever is in the pool by now.

        Raises:
            PoolSpendUnknown: nothing was spent under this id.
            PoolSpendElsewhere: it paid for an order or a reward, and comes back with that.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            spent = await rows.lock_spent(tx, key, spend)
            if spent is None:
                raise PoolSpendUnknown
            if (operation := spent.operation) != f"pool:{spend}":
                raise PoolSpendElsewhere(operation)
            left = spent.points - spent.returned
            points = left if body.points is None else min(left, body.points)
            if points:
                # Named by how much had come back before: each step once.
                await self.points.give_back(tx, operation, points, f"{operation}:back:{spent.returned}")
                spent = spent._replace(returned=spent.returned + points)
                await self.purses.returned(tx, operation, points)
            return await self._answer(tx, idem, 200, SpentOut.of(spent))

    async def get(self, key: UUID) -> PoolOut:
        """A pool.

        Raises:
            PoolUnknown: there is none.
        """
        async with self.db.read() as tx:
            pool = await rows.get(tx, key)
            if pool is None:
                raise PoolUnknown
            return await self._pool(tx, pool)

    async def of(self, person: UUID) -> PoolOut:
        """The pool a person is in.

        Raises:
            PoolNone: they are in none.
        """
        async with self.db.read() as tx:
            member = await members.find(tx, person)
            places = await rows.places_of(tx, member.keys)
            pool = await rows.get(tx, places[0].pool_id) if places else None
            if pool is None:
                raise PoolNone
            return await self._pool(tx, pool)

    async def invitations(self, person: UUID) -> list[Invitation]:
        """The invitations of a person that stand."""
        async with self.db.read() as tx:
            member = await members.find(tx, person)
            return await rows.invitations(tx, pool=None, persons=member.keys, now=self.clock.now())

    async def spends(self, key: UUID, *, before: UUID | None, limit: int) -> list[Spent]:
        """What was spent from a pool, the latest first; one more than `limit` if there is more.

        Raises:
            PoolUnknown: there is none.
        """
        async with self.db.read() as tx:
            if await rows.get(tx, key) is None:
                raise PoolUnknown
            return await rows.spends(tx, key, before=before, limit=limit + 1)

    async def forget(self, tx: WriteTx, keys: Collection[UUID]) -> None:
        """Who is erased leaves every pool, before anybody is locked; what they spent stands under their key."""
        own = await rows.places_of(tx, keys)
        for pool_id in sorted({each.pool_id for each in own}):
            pool = await rows.lock(tx, pool_id)
            places = await rows.places_of(tx, keys)
            if pool is not None:
                await self._gone(tx, pool, {each.id for each in places if each.pool_id == pool_id})
        await rows.revoke_all(tx, pool=None, persons=keys, at=self.clock.now())

    async def _gone(self, tx: WriteTx, pool: Pool, left: Collection[UUID]) -> None:
        """These places stand no more; somebody else owns the pool if need be. The pool is locked."""
        now = self.clock.now()
        before = await rows.places(tx, pool.id)
        for each in left:
            await rows.leave(tx, each, now)
        rest = [each for each in before if each.id not in left]
        if not rest:
            await rows.revoke_all(tx, pool=pool.id, persons=(), at=now)
            await rows.change(tx, pool._replace(closed_at=now))
        elif all(each.role != "owner" for each in rest):
            await rows.set_role(tx, rest[0].id, "owner")

    async def _pool(self, tx: ReadTx, pool: Pool) -> PoolOut:
        places = await rows.places(tx, pool.id)
        found = await members.find_many(tx, {each.person_id for each in places})
        own = await seats_of(tx, pool.id, places, found.values())
        members_out = [SeatOut.of(each, await self.points.balances(tx, each.member, pool.wallets)) for each in own]
        all_keys = Member(pool.id, tuple(key for each in own for key in each.member.keys))
        sums = await self.points.balances(tx, all_keys, pool.wallets)
        invited = await rows.invitations(tx, pool=pool.id, persons=(), now=self.clock.now())
        return PoolOut.of(pool, sums, members_out, invited)

    def _standing(self, asked: Invitation) -> Invitation:
        if asked.state != "open" or asked.expires_at <= self.clock.now():
            raise InvitationOver("expired" if asked.state == "open" else asked.state)
        return asked

    async def _answer(self, tx: WriteTx, idem: Idempotent | None, status: int, said: BaseModel) -> Answer:
        answer = Answer(status, said.model_dump_json().encode())
        await remember(tx, idem, answer)
        return answer


async def _free(tx: ReadTx, member: Member) -> None:
    if await rows.places_of(tx, member.keys):
        raise InPoolAlready


async def _asked(tx: ReadTx, key: UUID) -> Invitation:
    found = await rows.invitation(tx, key)
    if found is None:
        raise InvitationUnknown
    return found


def read_member(reference: str) -> UUID:
    """The person key that a reference names.

    Raises:
        BadPoolMember: it names none.
    """
    try:
        return customer_key(reference)
    except ValueError:
        raise BadPoolMember from None
