"""Redemptions: in one step, and to look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.exc import TimeoutError as PoolTimeout

from services.loyalty.checkout.errors import RedemptionUnknown
from services.loyalty.checkout.repository import redemptions, rollbacks
from services.loyalty.checkout.schemas import RedemptionIn, RedemptionOut, RollbackOut
from services.loyalty.checkout.service.asking import Asked, Take, asked_of
from services.loyalty.checkout.service.crowd import Crowd
from services.loyalty.checkout.service.ending import Ending
from services.loyalty.checkout.service.lanes import Lane
from services.loyalty.checkout.service.taking import (
    Taking,
    counted,
    persistently,
    redemption_of,
    skipped_of,
    taking_effects,
)
from services.loyalty.checkout.service.telling import announce_redeemed
from shared.clock import Clock
from shared.db.engine import Database
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.delivery.lanes import decided
from shared.errors import AppError
from shared.identity import members

# Whoever waited as long as this has waited long enough.
_TOO_LATE = (TimeoutError, PoolTimeout)


@dataclass(frozen=True, slots=True)
class Redeeming:
    """Takes vouchers and points for an order at once."""

    db: Database
    clock: Clock
    taking: Taking
    ending: Ending
    crowd: Crowd
    lane: Lane[Take, Answer]

    async def redeem(self, person: UUID, body: RedemptionIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Take all of it, or nothing.

        Raises:
            BadBasket, NothingAsked, RepeatedVoucher: the request makes no sense.
            Throttled: too many codes have failed before.
            PoolUnknown, NotInPool, RoleNeeded, WalletNotPooled: the customer may not spend of that household.
            NotApplicable, PointsRefused, NotEnoughPoints, LimitReached: not all of it can be had.
            AlreadyUsed, OrderCancelled: the order cannot have it.
        """
        take = Take(asked_of(body, person, by), by, idem)
        return await counted(self.taking.guard, take.asked.who, self._take(take))

    async def _take(self, take: Take) -> Answer:
        asked = take.asked
        if not asked.pays and asked.pool is None:
            answer = await self.lane.ask(take, self._redeem_together)
            if answer is not None:
                return answer
        return await persistently(
            lambda: self._redeem(asked, take.by, take.idem),
            lambda campaigns: self.ending.reclaim(asked.person, campaigns, asked.basket.order_id, asked.pool),
        )

    async def _redeem_together(self, takes: Sequence[Take]) -> Sequence[Answer | AppError | None]:
        """The answer to each; None: it must be redeemed alone. One transaction for all that are answered."""
        outcomes = await decided(
            self.db, lambda tx: self.crowd.redeem(tx, takes), is_final=lambda error: isinstance(error, _TOO_LATE)
        )
        return [None] * len(takes) if outcomes is None else outcomes

    async def _redeem(self, asked: Asked, by: str, idem: Idempotent | None) -> Answer:
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            buyer = await self.taking.buyer(tx, asked)
            terms = await self.taking.agree(tx, asked, buyer)
            now = self.clock.now()
            wanted = redemption_of(asked, terms, by, now)
            made = await self.taking.redeem(tx, wanted, taking_effects(terms, asked.person), buyer, held=None)
            announce_redeemed(tx, made, now)
            answer = Answer(201, RedemptionOut.of(made, skipped_of(terms.priced)).model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def get(self, redemption_id: UUID) -> RedemptionOut:
        """A redemption, as it stands.

        Raises:
            RedemptionUnknown: there is none of this id.
        """
        async with self.db.read() as tx:
            found = await redemptions.find(tx, redemption_id)
        if found is None:
            raise RedemptionUnknown
        return RedemptionOut.of(found)

    async def rollbacks(self, redemption_id: UUID) -> list[RollbackOut]:
        """What was rolled back of it, the first first.

        Raises:
            RedemptionUnknown: there is none of this id.
        """
        async with self.db.read() as tx:
            if await redemptions.find(tx, redemption_id) is None:
                raise RedemptionUnknown
            return [RollbackOut.of(each) for each in await rollbacks.of_redemption(tx, redemption_id)]

    async def page(
        self, *, person: UUID | None, order_id: str | None, before: UUID | None, limit: int
    ) -> Sequence[RedemptionOut]:
        """Redemptions of a person or an order, the newest first; one more than `limit` if there is more."""
        async with self.db.read() as tx:
            keys = None if person is None else (await members.find(tx, person)).keys
            found = await redemptions.page(tx, persons=keys, order_id=order_id, before=before, limit=limit + 1)
        return [RedemptionOut.of(each) for each in found]
