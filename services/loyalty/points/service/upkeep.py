"""Timed work on points, in bounded pieces. Being late does no harm: whoever reads or spends sees the true balance."""

from dataclasses import dataclass

from services.loyalty.points.repository import holds as hold_rows
from services.loyalty.points.repository import ledger as repository
from services.loyalty.points.service.ledger import Points
from shared.clock import Clock
from shared.db.engine import Database

# Persons brought up to the moment in one transaction.
PIECE = 200


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Books what time does: pending points begin, points end, holds end."""

    db: Database
    clock: Clock
    points: Points

    async def run(self) -> None:
        """Do all there is to do. What each wallet is due is done in the order of time, beginnings before ends."""
        while await self.catch_up_piece():
            pass
        while await self.end_holds():
            pass

    async def catch_up_piece(self) -> bool:
        """Bring some persons up to the moment; whether there were any."""
        async with self.db.read() as tx:
            persons = await repository.due_persons(tx, self.clock.now(), limit=PIECE)
        if not persons:
            return False
        async with self.db.write() as tx:
            await self.points.catch_up(tx, persons)
        return True

    async def end_holds(self) -> bool:
        """Let go of some holds whose time is over, each in a transaction of its own; whether there were any."""
        async with self.db.read() as tx:
            over = await hold_rows.expired(tx, limit=PIECE)
        for hold_id in over:
            async with self.db.write() as tx:
                await self.points.release_expired(tx, hold_id)
        return bool(over)
