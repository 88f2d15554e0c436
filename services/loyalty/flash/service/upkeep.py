"""Timed work on flash sales: telling of claims, and letting those fall that were not paid."""

from dataclasses import dataclass

from services.loyalty.flash.repository import sales as rows
from services.loyalty.flash.service.lanes import Lanes
from shared.clock import Clock
from shared.db.engine import Database
from shared.events.catalogue.loyalty import FlashClaimed
from shared.events.envelope import Event
from shared.ids import derived_id

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
                    for row in taken:
                        # A claim that must be paid first is told of when it is.
                        if row.expires_at is None:
                            data = FlashClaimed.model_construct(
                                claim_id=row.id, sale=str(row.sale_id), item=row.item, units=row.units
                            )
                            key = derived_id("flash claimed", str(row.id))
                            tx.emit(Event(key, row.person_id, row.claimed_at, recorded, data))
                            told += 1
                if len(taken) < ANNOUNCE:
                    break
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
