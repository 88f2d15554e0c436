"""Timed work on points, in bounded pieces. Being late does no harm: whoever reads or spends sees the true balance."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.loyalty.points.repository import holds as hold_rows
from services.loyalty.points.repository import ledger as repository
from services.loyalty.points.repository import notices
from services.loyalty.points.service.ledger import Points
from services.loyalty.programs.service import Programs
from shared.clock import Clock
from shared.db.engine import Database
from shared.events.catalogue.loyalty import PointsExpiring
from shared.events.envelope import Event
from shared.ids import uuid7

# Persons brought up to the moment in one transaction.
PIECE = 200


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Books what time does: pending points begin, points end, holds end; and tells of ends before they come."""

    db: Database
    clock: Clock
    points: Points
    programs: Programs

    async def run(self) -> None:
        """Do all there is to do. What each wallet is due is done in the order of time, beginnings before ends."""
        while await self.catch_up_piece():
            pass
        while await self.end_holds():
            pass
        await self.announce_ends()

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

    async def announce_ends(self) -> None:
        """Tell of points that end so many days from now, as the programme says: of each end once for each number."""
        now = self.clock.now()
        async with self.db.read() as tx:
            terms = await self.programs.current(tx, now)
        for name, wallet in terms.wallets.items():
            for days in wallet.notice_days:
                while await self._announce_piece(name, days, now):
                    pass

    async def _announce_piece(self, wallet: str, days: int, now: datetime) -> bool:
        async with self.db.write() as tx:
            found = await notices.note(tx, wallet, days, now=now, until=now + timedelta(days=days), limit=PIECE)
            for each in found:
                said = PointsExpiring(
                    wallet=wallet,
                    points=each.points,
                    expires_at=each.expires_at,
                    days=days,
                    version=each.version,
                    wallet_id=each.wallet_id,
                )
                tx.emit(Event(uuid7(), each.person_id, now, now, said))
        return bool(found)
