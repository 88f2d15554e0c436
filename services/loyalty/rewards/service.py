"""Use cases of rewards: the catalogue, and buying from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.loyalty.audience import service as audience
from services.loyalty.points.domain.requests import Room
from services.loyalty.points.repository.ledger import operation_persons
from services.loyalty.points.service import Credit, Points, Spend
from services.loyalty.pools.domain import Spent
from services.loyalty.pools.service.purses import Purse, Purses
from services.loyalty.programs.service import Programs
from services.loyalty.rewards import repository as rows
from services.loyalty.rewards.domain import (
    Eligibility,
    Purchase,
    PurchaseState,
    Reward,
    RewardState,
    Standing,
    eligibility,
    stocked,
    told,
)
from services.loyalty.rewards.errors import (
    BadReward,
    BadRewardCustomer,
    NotEligible,
    PurchaseSettled,
    PurchaseUnknown,
    RewardMoved,
    RewardUnknown,
    StockTaken,
)
from services.loyalty.rewards.schemas import (
    EligibilityOut,
    NoteIn,
    PurchaseIn,
    PurchaseOut,
    RewardChangeIn,
    RewardIn,
    RewardOut,
    StockIn,
    TermsIn,
)
from services.loyalty.vouchers.service import Assign, Assignments
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.errors import AppError
from shared.identity import members
from shared.identity.person import Member
from shared.ids import customer_key, uuid7

_AT_ONCE = ("voucher", "gift_credit", "points")


@dataclass(frozen=True, slots=True)
class Rewards:
    """The catalogue, and what is bought of it. Use cases name the key that asks (`by`)."""

    db: Database
    clock: Clock
    programs: Programs
    points: Points
    assignments: Assignments
    purses: Purses

    async def create(self, body: RewardIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Put a reward into the catalogue.

        Raises:
            UnknownWallet: it is paid from, or gives to, a wallet that there is not.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            now = self.clock.now()
            await self._check_wallets(tx, body, now)
            reward = _reward(body, uuid7(), 0, 1, now, by, now, by)
            await rows.add(tx, reward)
            tx.emit(stocked(reward))
            return await _remembered(tx, idem, 201, reward)

    async def change(self, key: UUID, body: RewardChangeIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Change a reward that is still of the version that was read; what was bought stays as it is.

        Raises:
            RewardUnknown, RewardMoved: there is none of that version.
            StockTaken: more was bought than there shall be.
            BadReward: it would be of another kind.
            UnknownWallet: it is paid from, or gives to, a wallet that there is not.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            old = await self._locked(tx, key)
            if old.version != body.version:
                raise RewardMoved(old.version)
            if old.kind != body.kind:
                raise BadReward("A reward stays of its kind: make another one.")
            if body.stock is not None and body.stock < old.taken:
                raise StockTaken(old.taken)
            now = self.clock.now()
            await self._check_wallets(tx, body, now)
            reward = _reward(body, key, old.taken, old.version + 1, old.created_at, old.created_by, now, by)
            await rows.change(tx, reward)
            tx.emit(stocked(reward))
            return await _remembered(tx, idem, 200, reward)

    async def add_stock(self, key: UUID, body: StockIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Add units to a reward that has a stock, or take some away.

        Raises:
            RewardUnknown: there is none.
            BadReward: it has no stock.
            StockTaken: more was bought than there would be.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            old = await self._locked(tx, key)
            if old.stock is None:
                raise BadReward("This reward has no stock: there are as many as are wanted.")
            if old.stock + body.units < old.taken:
                raise StockTaken(old.taken)
            now, stock = self.clock.now(), old.stock + body.units
            reward = old._replace(stock=stock, version=old.version + 1, updated_at=now, updated_by=by)
            await rows.change(tx, reward)
            tx.emit(stocked(reward))
            return await _remembered(tx, idem, 200, reward)

    async def get(self, key: UUID) -> RewardOut:
        """A reward.

        Raises:
            RewardUnknown: there is none.
        """
        async with self.db.read() as tx:
            return RewardOut.of(await _known(tx, key))

    async def listed(
        self, *, state: RewardState | None, customer: str | None, after: UUID | None, limit: int
    ) -> Sequence[RewardOut]:
        """Rewards, those made last first, and whether a customer may have one of each; one more than `limit`.

        Raises:
            BadRewardCustomer: the reference names nobody.
        """
        async with self.db.read() as tx:
            found = await rows.listed(tx, state=state, after=after, limit=limit + 1)
            if customer is None:
                return [RewardOut.of(each) for each in found]
            member = await members.find(tx, _customer(customer))
            judged = await self._judged(tx, member, found, 1)
            return [RewardOut.of(each, judged[each.id]) for each in found]

    async def eligibility(self, key: UUID, customer: str, quantity: int) -> EligibilityOut:
        """Whether a customer may have so many of a reward, and everything that is in the way.

        Raises:
            RewardUnknown, BadRewardCustomer: there is no such reward or customer.
        """
        async with self.db.read() as tx:
            reward = await _known(tx, key)
            member = await members.find(tx, _customer(customer))
            return EligibilityOut.of((await self._judged(tx, member, [reward], quantity))[key])

    async def buy(self, key: UUID, body: PurchaseIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Buy units of a reward with points: both are taken, or neither.

        Raises:
            RewardUnknown, BadRewardCustomer: there is no such reward or customer.
            PoolUnknown, NotInPool, RoleNeeded, WalletNotPooled, PoolLimit: they may not spend that of the household.
            NotEligible: the customer may not have it; everything that is in the way.
            RewardMoved: it was changed in this moment.
            What the assignment of a voucher refuses.
        """
        person = _customer(body.customer)
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            purse = None if body.pool is None else await self.purses.lock(tx, body.pool, person)
            member = await members.lock(tx, person) if purse is None else purse.spender
            payer = member if purse is None else purse.all
            reward = await _known(tx, key)
            found = (await self._judged(tx, member, [reward], body.quantity, payer=payer))[key]
            if found.obstacles or found.points is None:
                raise NotEligible(found.obstacles)
            bought = await self._hand_over(tx, reward, body, person, found.points, by)
            terms = reward.terms
            if purse is not None:
                await self.purses.allow(tx, purse, terms.wallet, bought.points)
            if bought.points:
                operation = _operation(bought.id)
                spend = Spend(payer, terms.wallet, bought.points, operation, "reward", str(bought.id), by)
                await self.points.spend(tx, spend)
                if purse is not None:
                    await self.purses.note(tx, _spent(bought, purse, operation))
            # Last of all, for others wait for it: the count of rows decides, whatever was seen before.
            if not await rows.take(tx, reward, body.quantity):
                raise _gone(reward, await _known(tx, key))
            await rows.add_purchase(tx, bought)
            tx.emit(told(bought))
            return await _answer(tx, idem, 201, bought)

    async def fulfil(self, key: UUID, body: NoteIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Note that a purchase was handed over. What is fulfilled already stays as it is.

        Raises:
            PurchaseUnknown, PurchaseSettled: there is nothing to hand over.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            is_new = await rows.settle(tx, key, "fulfilled", at=self.clock.now(), by=by, note=body.note)
            bought = await _settled(tx, key, "fulfilled")
            if is_new:
                tx.emit(told(bought))
            return await _answer(tx, idem, 200, bought)

    async def cancel(self, key: UUID, body: NoteIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Cancel a purchase that was not handed over: its points and units are back. Once.

        Raises:
            PurchaseUnknown, PurchaseSettled: there is nothing to cancel.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            bought = await _bought(tx, key)
            operation = _operation(key)
            await members.lock_many(tx, {bought.person_id, *await operation_persons(tx, operation)})
            if await rows.settle(tx, key, "cancelled", at=self.clock.now(), by=by, note=body.note):
                await rows.give_back(tx, bought.reward_id, bought.quantity)
                if bought.points:
                    await self.points.give_back(
                        tx, operation, bought.points, f"{operation}/cancelled", reason="reward_cancelled"
                    )
                if bought.pool is not None:
                    await self.purses.returned(tx, operation, bought.points)
                tx.emit(told(await _bought(tx, key)))
            return await _answer(tx, idem, 200, await _settled(tx, key, "cancelled"))

    async def purchase(self, key: UUID) -> PurchaseOut:
        """A purchase.

        Raises:
            PurchaseUnknown: there is none.
        """
        async with self.db.read() as tx:
            return PurchaseOut.of(await _bought(tx, key))

    async def purchases(
        self,
        *,
        customer: str | None,
        reward: UUID | None,
        state: PurchaseState | None,
        before: UUID | None,
        limit: int,
    ) -> Sequence[PurchaseOut]:
        """Purchases, the latest first; one more than `limit` if there are more.

        Raises:
            BadRewardCustomer: the reference names nobody.
        """
        async with self.db.read() as tx:
            persons = None if customer is None else (await members.find(tx, _customer(customer))).keys
            found = await rows.purchases(
                tx, persons=persons, reward=reward, state=state, before=before, limit=limit + 1
            )
            return [PurchaseOut.of(each) for each in found]

    async def _judged(
        self, tx: ReadTx, member: Member, found: Sequence[Reward], quantity: int, *, payer: Member | None = None
    ) -> dict[UUID, Eligibility]:
        """Whether they may have each; `payer` has the keys whose points pay, if others' do."""
        now = self.clock.now()
        facts = await audience.facts_of(tx, member)
        bought = await rows.bought(tx, [each.id for each in found], member.keys)
        available: dict[str, int] = {}
        rooms: dict[str, Room | None] = {}
        programme = await self.programs.current(tx, now)
        judged: dict[UUID, Eligibility] = {}
        for reward in found:
            terms = reward.terms
            if terms.wallet not in available:
                available[terms.wallet] = (await self.points.balance(tx, payer or member, terms.wallet)).available
                rooms[terms.wallet] = await self.points.room(tx, programme, payer or member, terms.wallet)
            since = None if terms.limit_days is None else now - timedelta(days=terms.limit_days)
            own = sum(
                each.quantity
                for each in bought
                if each.reward_id == reward.id and (since is None or each.ordered_at > since)
            )
            standing = Standing(facts, available[terms.wallet], own, rooms[terms.wallet])
            judged[reward.id] = eligibility(reward, quantity, standing, now=now)
        return judged

    async def _hand_over(
        self, tx: WriteTx, reward: Reward, body: PurchaseIn, person: UUID, points: int, by: str
    ) -> Purchase:
        """The purchase, with what hands itself over."""
        key, now, terms = uuid7(), self.clock.now(), reward.terms
        vouchers: list[UUID] = []
        if terms.campaign_id is not None:
            for number in range(body.quantity):
                asked = Assign(terms.campaign_id, person, f"reward:{key}:{number}", terms.value_minor, by)
                vouchers.append((await self.assignments.assign(tx, asked)).voucher.id)
        if terms.gives_points is not None and terms.gives_wallet is not None:
            given = terms.gives_points * body.quantity
            reference = str(key)
            await self.points.credit(
                tx,
                Credit(
                    person, terms.gives_wallet, given, "granted", _operation(key), now, now, None, "reward", reference
                ),
            )
        is_done = reward.kind in _AT_ONCE
        return Purchase(
            id=key,
            reward_id=reward.id,
            person_id=person,
            quantity=body.quantity,
            wallet=terms.wallet,
            points=points,
            state="fulfilled" if is_done else "ordered",
            vouchers=tuple(vouchers),
            reference=body.reference,
            ordered_at=now,
            ordered_by=by,
            settled_at=now if is_done else None,
            settled_by=by if is_done else None,
            pool=body.pool,
        )

    async def _check_wallets(self, tx: ReadTx, body: RewardIn, now: datetime) -> None:
        current = await self.programs.current(tx, now)
        current.wallet(body.wallet)
        if body.gives is not None and body.gives.wallet is not None:
            current.wallet(body.gives.wallet)

    async def _locked(self, tx: WriteTx, key: UUID) -> Reward:
        found = await rows.get(tx, key, lock=True)
        if found is None:
            raise RewardUnknown
        return found


def _gone(seen: Reward, now: Reward) -> AppError:
    """Why units of a reward could not be taken: it was changed, or somebody was quicker."""
    if (seen.state, seen.document, seen.starts_at, seen.ends_at) != (
        now.state,
        now.document,
        now.starts_at,
        now.ends_at,
    ):
        return RewardMoved(now.version)
    return NotEligible([{"reason": "out_of_stock", "remaining": now.remaining}])


def _spent(bought: Purchase, purse: Purse, operation: str) -> Spent:
    return Spent(
        bought.id, purse.pool.id, bought.person_id, bought.wallet, bought.points, 0, False, bought.reference,
        bought.ordered_at, bought.ordered_by, operation,
    )  # fmt: skip


def _operation(purchase: UUID) -> str:
    return f"reward:{purchase}"


def _reward(
    body: RewardIn, key: UUID, taken: int, version: int, made_at: datetime, made_by: str, now: datetime, by: str
) -> Reward:
    document = TermsIn.model_validate(body.model_dump(include=set(TermsIn.model_fields))).model_dump(mode="json")
    return Reward(
        key, body.name, body.kind, body.state, document, body.starts_at, body.ends_at, body.stock, taken, version,
        made_at, made_by, now, by,
    )  # fmt: skip


def _customer(reference: str) -> UUID:
    try:
        return customer_key(reference)
    except ValueError:
        raise BadRewardCustomer from None


async def _known(tx: ReadTx, key: UUID) -> Reward:
    found = await rows.get(tx, key)
    if found is None:
        raise RewardUnknown
    return found


async def _bought(tx: ReadTx, key: UUID) -> Purchase:
    found = await rows.purchase(tx, key)
    if found is None:
        raise PurchaseUnknown
    return found


async def _settled(tx: ReadTx, key: UUID, state: PurchaseState) -> Purchase:
    found = await _bought(tx, key)
    if found.state != state:
        raise PurchaseSettled(found.state)
    return found


async def _remembered(tx: WriteTx, idem: Idempotent | None, status: int, reward: Reward) -> Answer:
    answer = Answer(status, RewardOut.of(reward).model_dump_json().encode())
    await remember(tx, idem, answer)
    return answer


async def _answer(tx: WriteTx, idem: Idempotent | None, status: int, purchase: Purchase) -> Answer:
    answer = Answer(status, PurchaseOut.of(purchase).model_dump_json().encode())
    await remember(tx, idem, answer)
    return answer
