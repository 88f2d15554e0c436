"""Timed work on flash sales: telling of claims, and letting those fall that were not paid."""

from dataclasses import dataclass

from services.loyalty.flash.repository import draws
from services.loyalty.flash.repository import sales as rows
from services.loyalty.flash.service import telling
from services.loyalty.flash.service.lanes import Lanes
from shared.clock import Clock
from shared.db.engine import Database

ANNOUNCE = 1_000
EXPIRE = 1_000


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What a worker does for flash sales."""

    db: Database
    clock: Clock
    lanes: Lanes

    async def announce(self) -> int:
        """Tell of the claims that stood at once, each exactly once; how many. It keeps claims from nothing."""
        told = 0
        async with self.db.read() as tx:
            items = await rows.unannounced(tx)
        for item in items:
            while True:
                async with self.db.write() as tx:
                    taken = await rows.take_unannounced(tx, item, most=ANNOUNCE)
                    recorded = self.clock.now()
                    for claim in taken:
                        # A claim that must be paid first is told of as one that stands when it is.
                        if claim.expires_at is None:
                            tx.emit(telling.claimed(claim, recorded))
                            told += 1
                        else:
                            tx.emit(telling.changed(claim, recorded))
                if len(taken) < ANNOUNCE:
                    break
        return told

    async def tell(self) -> int:
        """Tell of claims that have expired, and of tickets that are otherwise than they were told; how many."""
        told = 0
        while True:
            async with self.db.write() as tx:
                fallen = await rows.take_fallen(tx, most=ANNOUNCE)
                lots = await draws.take_changed(tx, most=ANNOUNCE)
                recorded = self.clock.now()
                for claim in fallen:
                    tx.emit(telling.changed(claim, recorded))
                for lot in lots:
                    tx.emit(telling.lot(lot, recorded))
            told += len(fallen) + len(lots)
            if len(fallen) < ANNOUNCE and len(lots) < ANNOUNCE:
                return told

    async def expire(self) -> int:
        """Let claims fall that were not confirmed in time; the units that are back."""
        back = 0
        async with self.db.read() as tx:
            items = await rows.lapsed_items(tx)
        for item in items:
            while units := await rows.expire(self.db, item, most=EXPIRE):
                back += units
            self.lanes.forget(item)
        return back
