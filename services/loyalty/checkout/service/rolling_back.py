"""Roll-backs: a redemption is undone, wholly or in part, and never twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.loyalty.checkout.domain.effects import Effects, taking_back
from services.loyalty.checkout.domain.redemption import Giving, Redemption, after, is_whole, points_worth
from services.loyalty.checkout.domain.rollback import Redeemed, Returned, Rollback, chosen, everything
from services.loyalty.checkout.errors import NothingLeft, RedemptionUnknown, RollbackExceeds
from services.loyalty.checkout.repository import counters, redemptions, rollbacks
from services.loyalty.checkout.schemas import RollbackIn, RollbackOut
from services.loyalty.checkout.service.taking import spend_key
from services.loyalty.checkout.service.telling import tell_rolled_back
from services.loyalty.points.repository import ledger
from services.loyalty.points.service import Points
from services.loyalty.pools.service.purses import Purses
from services.loyalty.vouchers.domain.terms import Terms
from services.loyalty.vouchers.service import Vouchers
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.identity import members
from shared.ids import uuid7


class Undoing(NamedTuple):
    """What is to be taken back of one redemption, and why."""

    redemption: Redemption
    returned: Sequence[Returned]
    points: int
    refund_id: str | None
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class RollingBack:
    """Undoes redemptions."""

    db: Database
    clock: Clock
    points: Points
    vouchers: Vouchers
    purses: Purses

    async def roll_back(self, redemption_id: UUID, body: RollbackIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Take back all that is left, or what is named. A refund that was rolled back before gives the first answer.

        Raises:
            RedemptionUnknown: there is none of this id.
            UnknownVoucher, UnknownLine, RollbackExceeds: what is named is not there, or not that much of it.
            NothingLeft: it was rolled back before.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            redemption = await self._locked(tx, redemption_id)
            answer = await self._before(tx, redemption_id, body.refund_id)
            if answer is None:
                made = await self._undo_named(tx, redemption, body, by)
                answer = Answer(201, RollbackOut.of(made).model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def _before(self, tx: WriteTx, redemption_id: UUID, refund_id: str | None) -> Answer | None:
        if refund_id is None:
            return None
        found = await rollbacks.of_refund(tx, redemption_id, refund_id)
        return found and Answer(200, RollbackOut.of(found).model_dump_json().encode())

    async def _undo_named(self, tx: WriteTx, redemption: Redemption, body: RollbackIn, by: str) -> Rollback:
        if redemption.standing == "rolled_back":
            raise NothingLeft
        if body.is_everything:
            returned, points = everything(redemption.vouchers), redemption.points_left
        else:
            returned = chosen(redemption.vouchers, [part.part() for part in body.parts or ()])
            points = body.points or 0
        if points > redemption.points_left:
            raise RollbackExceeds("points", asked=points, left=redemption.points_left)
        if not returned and not points:
            raise NothingLeft
        return (await self.undo(tx, [Undoing(redemption, returned, points, body.refund_id, body.reason, by)]))[0]

    async def _locked(self, tx: WriteTx, redemption_id: UUID) -> Redemption:
        """The redemption, with its person locked: nobody else changes what stands of it."""
        found = await redemptions.find(tx, redemption_id)
        if found is None:
            raise RedemptionUnknown
        await members.lock_many(tx, await persons_of(tx, [found]))
        # Read again: what was rolled back while we waited.
        again = await redemptions.find(tx, redemption_id)
        assert again is not None, "redemptions are never deleted"
        return again

    async def undo(self, tx: WriteTx, undoings: Sequence[Undoing]) -> list[Rollback]:
        """Take it all back, and tell; the persons are locked, and the redemptions were read after that."""
        effects, now = Effects(), self.clock.now()
        vouchers = await self.vouchers.load(
            tx, {each.voucher_id for undoing in undoings for each in undoing.redemption.vouchers}
        )
        terms = {voucher_id: voucher.campaign.terms for voucher_id, voucher in vouchers.items()}
        made = [await self._write(tx, undoing, terms, effects, now) for undoing in undoings]
        await counters.apply(tx, effects)
        for undoing, rollback in zip(undoings, made, strict=True):
            if undoing.points:
                spent = spend_key(undoing.redemption.id)
                await self.points.give_back(tx, spent, undoing.points, f"rollback:{rollback.id}")
                if undoing.redemption.paid.pool is not None:
                    await self.purses.returned(tx, spent, undoing.points)
            stands = await redemptions.find(tx, undoing.redemption.id)
            assert stands is not None, "redemptions are never deleted"
            tell_rolled_back(tx, stands, rollback, now)
        return made

    async def _write(
        self, tx: WriteTx, undoing: Undoing, terms: dict[UUID, Terms], effects: Effects, now: datetime
    ) -> Rollback:
        redemption, returned = undoing.redemption, {each.position: each for each in undoing.returned}
        vouchers = list(redemption.vouchers)
        for place, voucher in enumerate(vouchers):
            if voucher.position in returned:
                giving = giving_of(terms[voucher.voucher_id])
                vouchers[place] = new = after(voucher, returned[voucher.position], giving)
                use = new.use_returned and not voucher.use_returned
                minor = returned[voucher.position].minor
                _take_back(effects, voucher, redemption.person, use=use, minor=minor, giving=giving)
        minor = points_worth(redemption, undoing.points) if undoing.points else 0
        rollback = Rollback(
            id=uuid7(),
            redemption_id=redemption.id,
            refund_id=undoing.refund_id,
            reason=undoing.reason,
            recorded_by=undoing.by,
            returned=tuple(undoing.returned),
            points=undoing.points,
            points_minor=minor,
            is_whole=is_whole(redemption, undoing.returned, undoing.points),
            created_at=now,
        )
        stored = await rollbacks.add(tx, rollback)
        changed = redemption._replace(
            vouchers=tuple(vouchers),
            points_back=redemption.points_back + undoing.points,
            points_back_minor=redemption.points_back_minor + minor,
        )
        await redemptions.update(tx, changed)
        return stored


def _take_back(effects: Effects, voucher: Redeemed, person: UUID, *, use: bool, minor: int, giving: Giving) -> None:
    """The uses and the budgets as far as the campaign gives them back; the value of a gift card always."""
    of_campaign = taking_back(use=use, minor=minor if giving.budget else 0)
    effects.add_to_campaign(voucher.campaign_id, person, of_campaign, voucher.charges)
    effects.add_to_voucher(voucher.voucher_id, taking_back(use=use, minor=minor))


def giving_of(terms: Terms) -> Giving:
    """What the campaign lets go when its voucher is rolled back."""
    return Giving(use=terms.returns_use, budget=terms.returns_budget)


async def persons_of(tx: ReadTx, found: Sequence[Redemption]) -> set[UUID]:
    """All persons of redemptions: also those who were one person with them when they spent points."""
    persons = {each.person for each in found}
    for each in found:
        if each.paid.points:
            persons.update(await ledger.operation_persons(tx, spend_key(each.id)))
    return persons
