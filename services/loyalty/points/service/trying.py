"""Dry runs at the counter: what would come of an adjustment, a transfer or a hold, and nothing does.

Each is the use case itself, in a transaction that is undone: the same rules, the same refusals, and no row, no event
and no remembered key of it. While it looks it holds the locks that the use case holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from services.loyalty.points.domain.requests import Balance
from services.loyalty.points.repository import trials
from services.loyalty.points.schemas import AdjustmentIn, HoldIn, TransferIn, TrialBalanceOut, TrialLotOut, TrialOut
from services.loyalty.points.service.counter import Counter, read_member
from services.loyalty.points.service.ledger import Points, hold_key
from shared.db.engine import Database, WriteTx
from shared.identity import members


@dataclass(frozen=True, slots=True)
class Trials:
    """Dry runs. Each raises what the use case of the counter raises."""

    db: Database
    points: Points
    counter: Counter

    async def adjust(self, person: UUID, body: AdjustmentIn, *, by: str) -> TrialOut:
        """What would come of an adjustment."""
        async with self.db.trial() as tx:
            before = await self._have(tx, body.wallet, person)
            asked = await self.counter.adjusted(tx, person, body, by=by)
            status = 202 if asked.state == "waiting" else 201
            return await self._told(tx, status, body.wallet, f"adjustment:{asked.id}", before)

    async def transfer(self, person: UUID, body: TransferIn, *, by: str) -> TrialOut:
        """What would come of a transfer."""
        async with self.db.trial() as tx:
            before = await self._have(tx, body.wallet, person, read_member(body.to))
            moved = await self.counter.transferred(tx, person, body, by=by)
            return await self._told(tx, 201, body.wallet, f"transfer:{moved.id}", before)

    async def hold(self, person: UUID, body: HoldIn) -> TrialOut:
        """What would come of a hold."""
        async with self.db.trial() as tx:
            before = await self._have(tx, body.wallet, person)
            hold = await self.counter.held(tx, person, body)
            return await self._told(tx, 201, body.wallet, hold_key(hold), before)

    async def _have(self, tx: WriteTx, wallet: str, *persons: UUID) -> Mapping[UUID, Balance]:
        """What these have before, by their roots. The locks are those of the use case: what is said is what counts."""
        locked = await members.lock_many(tx, set(persons))
        return await self.points.balances_of(tx, [locked[each] for each in persons], wallet)

    async def _told(
        self, tx: WriteTx, status: int, wallet: str, operation: str, before: Mapping[UUID, Balance]
    ) -> TrialOut:
        after = await self._have(tx, wallet, *before)
        return TrialOut(
            status=status,
            wallet=wallet,
            members=[TrialBalanceOut.of(root, before[root], after[root]) for root in before],
            lots=[TrialLotOut.of(each) for each in await trials.touched(tx, operation)],
        )
