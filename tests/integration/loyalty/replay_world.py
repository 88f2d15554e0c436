"""Rebuild what loyalty has told in another, empty database, and compare."""

import random

from loyalty_world import LoyaltyWorld, open_world

from services.loyalty.replays.consumers import RECOVERIES
from shared.runtime.rebuilding import compare
from shared.runtime.verdicts import TableVerdict
from shared.testing.postgres import fresh_database


async def rebuilt(world: LoyaltyWorld, pg_url: str, *, seed: int = 0) -> list[TableVerdict]:
    """What comes out, in pieces of any size of which each begins a little before the last has ended."""
    dice = random.Random(seed)
    verdicts: list[TableVerdict] = []
    async with fresh_database(pg_url) as url, open_world(url) as other:
        for recovery in RECOVERIES:
            events = await world.announced(*recovery.subscription.events)
            place = 0
            while place < len(events):
                size = dice.randint(1, 60)
                async with other.db.write() as tx:
                    piece = events[max(0, place - dice.randint(0, 5)) : place + size]
                    await recovery.subscription.handler(other.service, tx, piece)
                place += size
            if recovery.settle is not None:
                async with other.db.write() as tx:
                    await recovery.settle(tx)
            async with world.db.read() as live, other.db.read() as tx:
                verdicts += await compare(live, tx, recovery.relations)
    return verdicts


def differences(verdicts: list[TableVerdict]) -> dict[str, tuple[str | None, str | None]]:
    """The tables that differ, each with a row of either."""
    return {each.table: (each.only_live, each.only_rebuilt) for each in verdicts if not each.is_same}
