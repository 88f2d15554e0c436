"""The refund door: orders that are cancelled or refunded undo what was redeemed for them, as campaigns say.

What is undone is a function of all that is known of the order, less what was undone before. So facts may come late,
twice, and in any order; and what a shop rolled back itself is not rolled back again.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.loyalty.checkout.domain.redemption import Redemption
from services.loyalty.checkout.domain.returns import gone, points_undone, undone
from services.loyalty.checkout.repository import orders, redemptions
from services.loyalty.checkout.service.rolling_back import RollingBack, Undoing, persons_of
from services.loyalty.programs.domain.terms import Terms as ProgramTerms
from services.loyalty.programs.service import Programs
from services.loyalty.vouchers.domain.terms import Terms
from services.loyalty.vouchers.service import Vouchers
from shared.clock import Clock
from shared.db.engine import Database, WriteTx
from shared.events.catalogue.touchpoints import OrderCancelled, OrderRefunded
from shared.events.envelope import Event
from shared.events.orders import Order, OrderFact
from shared.identity import members

BY = "orders"
MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Refunds:
    """Hears of orders."""

    db: Database
    clock: Clock
    programs: Programs
    vouchers: Vouchers
    rolling_back: RollingBack

    async def hear(self, tx: WriteTx, events: Sequence[Event[OrderFact]]) -> None:
        """Note what concerns redemptions, and undo what that undoes. The same however often facts come."""
        news: defaultdict[str, list[Event[OrderFact]]] = defaultdict(list)
        for event in events:
            news[event.data.order_id].append(event)
        wanted = await orders.concerned(tx, news)
        # What comes back is kept also of others: their redemption may be on its way.
        wanted |= {order_id for order_id, facts in news.items() if any(map(_comes_back, facts))}
        changed = await orders.ORDERS.fold(tx, (event for order_id in wanted for event in news[order_id]))
        known = {order_id: each.after for order_id, each in changed.items()}
        await self._settle(tx, {each: order for each, order in known.items() if order.is_cancelled or order.refunds})

    async def settle_late(self) -> int:
        """Undo what was redeemed for an order that came back in the very moment; how many orders were looked at."""
        async with self.db.write() as tx:
            late = await orders.unsettled(tx, limit=MOST_AT_ONCE)
            await self._settle(tx, await orders.ORDERS.find(tx, late))
            return len(late)

    async def _settle(self, tx: WriteTx, changed: dict[str, Order]) -> None:
        found = await redemptions.of_orders(tx, changed)
        if not found:
            return
        await members.lock_many(tx, await persons_of(tx, found))
        # Read again: what was rolled back while we waited.
        found = await redemptions.of_orders(tx, changed)
        program = await self.programs.current(tx, self.clock.now())
        vouchers = await self.vouchers.load(tx, {each.voucher_id for one in found for each in one.vouchers})
        terms = {voucher_id: voucher.campaign.terms for voucher_id, voucher in vouchers.items()}
        undoings = [
            undoing
            for redemption in found
            if (undoing := _undoing(redemption, changed[redemption.order_id or ""], terms, program)) is not None
        ]
        if undoings:
            await self.rolling_back.undo(tx, undoings)


def _undoing(
    redemption: Redemption, order: Order, terms: Mapping[UUID, Terms], program: ProgramTerms
) -> Undoing | None:
    returned = gone(order, redemption)
    lost = [
        each
        for voucher in redemption.vouchers
        if (each := undone(voucher, terms[voucher.voucher_id], returned)) is not None
    ]
    points = points_undone(redemption, returned) if _gives_back(program, redemption) else 0
    if not lost and not points:
        return None
    reason = "order_cancelled" if returned.is_cancelled else "order_refunded"
    return Undoing(redemption, lost, points, None, reason, BY)


def _gives_back(program: ProgramTerms, redemption: Redemption) -> bool:
    """Whether points come back with the money; where the programme no longer says, they do: they were paid."""
    wallet = program.wallets.get(redemption.paid.wallet or "")
    pays = () if wallet is None else wallet.pays
    return next((each.gives_back for each in pays if each.currency == redemption.currency), True)


def _comes_back(event: Event[OrderFact]) -> bool:
    return isinstance(event.data, OrderRefunded | OrderCancelled)
